package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	typeURL      = "type.googleapis.com/envoy.config."
	clusterType  = typeURL + "cluster.v3.Cluster"
	endpointType = typeURL + "endpoint.v3.ClusterLoadAssignment"
	listenerType = typeURL + "listener.v3.Listener"
	routeType    = typeURL + "route.v3.RouteConfiguration"
)

// config is everything that istiod told one sidecar.
type config struct {
	clusters  map[string]*clusterv3.Cluster
	endpoints map[string]*endpointv3.ClusterLoadAssignment // by EDS service name
	listeners []*listenerv3.Listener
	routes    map[string]*routev3.RouteConfiguration
}

// errPushed says that istiod has sent something newer than what was fetched before: routes of now may lead to clusters
// that were not there a moment ago. A sidecar takes both; here everything is asked again.
var errPushed = errors.New("istiod pushes meanwhile")

// fetch asks for clusters, their endpoints, listeners and their routes, all of the same configuration.
func fetch(address, nodeID, metadata string, timeout time.Duration) (*config, error) {
	fields := &structpb.Struct{}
	if err := protojson.Unmarshal([]byte(metadata), fields); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	node := &corev3.Node{Id: nodeID, Metadata: fields}
	for {
		c, err := fetchOnce(ctx, connection, node)
		if !errors.Is(err, errPushed) {
			return c, err
		}
	}
}

func fetchOnce(ctx context.Context, connection *grpc.ClientConn, node *corev3.Node) (*config, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		return nil, err
	}
	session := &session{stream: stream, node: node}
	c := &config{
		clusters:  map[string]*clusterv3.Cluster{},
		endpoints: map[string]*endpointv3.ClusterLoadAssignment{},
		routes:    map[string]*routev3.RouteConfiguration{},
	}
	if err := c.fetchClusters(session); err != nil {
		return nil, fmt.Errorf("clusters: %w", err)
	}
	if err := c.fetchListeners(session); err != nil {
		return nil, fmt.Errorf("listeners: %w", err)
	}
	return c, nil
}

type session struct {
	stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	node   *corev3.Node
}

// ask sends one request and waits for the answer of its type. istiod answers from the
// last configuration that it pushed to this stream, clusters first: so what comes of
// another type begins a newer one, and the error is errPushed.
func (s *session) ask(kind string, names []string) (*discoveryv3.DiscoveryResponse, error) {
	request := &discoveryv3.DiscoveryRequest{Node: s.node, TypeUrl: kind, ResourceNames: names}
	if err := s.stream.Send(request); err != nil {
		return nil, err
	}
	response, err := s.stream.Recv()
	if err != nil {
		return nil, err
	}
	if response.TypeUrl != kind {
		return nil, errPushed
	}
	return response, s.stream.Send(&discoveryv3.DiscoveryRequest{TypeUrl: kind, ResourceNames: names,
		VersionInfo: response.VersionInfo, ResponseNonce: response.Nonce})
}

func decode[T proto.Message](response *discoveryv3.DiscoveryResponse, fresh func() T, keep func(T)) error {
	for _, resource := range response.Resources {
		message := fresh()
		if err := resource.UnmarshalTo(message); err != nil {
			return err
		}
		keep(message)
	}
	return nil
}

func (c *config) fetchClusters(s *session) error {
	response, err := s.ask(clusterType, nil)
	if err != nil {
		return err
	}
	var names []string
	err = decode(response, func() *clusterv3.Cluster { return &clusterv3.Cluster{} }, func(cluster *clusterv3.Cluster) {
		c.clusters[cluster.Name] = cluster
		if cluster.GetType() == clusterv3.Cluster_EDS {
			names = append(names, edsName(cluster))
		}
	})
	if err != nil || len(names) == 0 {
		return err
	}
	slices.Sort(names)
	response, err = s.ask(endpointType, slices.Compact(names))
	if err != nil {
		return err
	}
	return decode(response, func() *endpointv3.ClusterLoadAssignment { return &endpointv3.ClusterLoadAssignment{} },
		func(a *endpointv3.ClusterLoadAssignment) { c.endpoints[a.ClusterName] = a })
}

func (c *config) fetchListeners(s *session) error {
	response, err := s.ask(listenerType, nil)
	if err != nil {
		return err
	}
	err = decode(response, func() *listenerv3.Listener { return &listenerv3.Listener{} },
		func(l *listenerv3.Listener) { c.listeners = append(c.listeners, l) })
	if err != nil {
		return err
	}
	var names []string
	for _, listener := range c.listeners {
		for _, chain := range chainsOf(listener) {
			manager, err := httpManager(chain)
			if err != nil {
				return err
			}
			if name := manager.GetRds().GetRouteConfigName(); name != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	response, err = s.ask(routeType, slices.Compact(names))
	if err != nil {
		return err
	}
	return decode(response, func() *routev3.RouteConfiguration { return &routev3.RouteConfiguration{} },
		func(r *routev3.RouteConfiguration) { c.routes[r.Name] = r })
}

func edsName(cluster *clusterv3.Cluster) string {
	if name := cluster.GetEdsClusterConfig().GetServiceName(); name != "" {
		return name
	}
	return cluster.Name
}
