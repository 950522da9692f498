package main

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
)

// target is a cluster that something names.
type target struct {
	Cluster   string   `json:"cluster"`
	Weight    uint32   `json:"weight"` // of 100 unless the route says another total
	Known     bool     `json:"known"`  // istiod sent this cluster; without it Envoy answers 503 NC
	Type      string   `json:"type"`   // EDS, ORIGINAL_DST, STATIC, STRICT_DNS
	Endpoints []string `json:"endpoints"`
}

// decision is where a request or a connection goes.
type decision struct {
	Listener    string   `json:"listener"`
	Protocol    string   `json:"protocol"` // http, tcp, closed: no filter chain takes it
	VirtualHost string   `json:"virtual_host,omitempty"`
	Route       string   `json:"route,omitempty"`  // the route configuration's name
	Status      uint32   `json:"status,omitempty"` // of an answer that the sidecar gives itself; 404 also for no route
	Targets     []target `json:"targets"`
}

func (c *config) decide(to netip.AddrPort, protocol string) (*listenerv3.Listener, *listenerv3.FilterChain, error) {
	listener, err := c.outbound(to)
	if err != nil {
		return nil, nil, err
	}
	if !sniffs(listener, to.Port()) {
		protocol = ""
	}
	return listener, chain(listener, connection{to: to, transport: "raw_buffer", protocol: protocol}), nil
}

func (c *config) request(destination, host, path string, headers map[string]string) (*decision, error) {
	to, err := netip.ParseAddrPort(destination)
	if err != nil {
		return nil, err
	}
	listener, one, err := c.decide(to, "http/1.1")
	if err != nil {
		return nil, err
	}
	manager := (*httpv3.HttpConnectionManager)(nil)
	if one != nil {
		if manager, err = httpManager(one); err != nil {
			return nil, err
		}
	}
	if manager == nil {
		return c.plain(listener, one, to)
	}
	answer := &decision{Listener: listener.Name, Protocol: "http", Targets: []target{}}
	routes := manager.GetRouteConfig()
	if name := manager.GetRds().GetRouteConfigName(); name != "" {
		if routes = c.routes[name]; routes == nil {
			return nil, fmt.Errorf("istiod sent no route configuration %q", name)
		}
	}
	answer.Route = routes.GetName()
	virtual := virtualHost(routes, host)
	if virtual == nil {
		answer.Status = 404
		return answer, nil
	}
	answer.VirtualHost = virtual.Name
	answer.Status = 404 // until a route takes it
	for _, route := range virtual.Routes {
		if !takes(route.Match, path, headers) {
			continue
		}
		answer.Status = 0
		switch action := route.Action.(type) {
		case *routev3.Route_DirectResponse:
			answer.Status = action.DirectResponse.Status
		case *routev3.Route_Redirect:
			answer.Status = 301
		case *routev3.Route_Route:
			answer.Targets = c.targets(to, named(action.Route))
		}
		break
	}
	return answer, nil
}

func (c *config) connect(destination string) (*decision, error) {
	to, err := netip.ParseAddrPort(destination)
	if err != nil {
		return nil, err
	}
	listener, one, err := c.decide(to, "")
	if err != nil {
		return nil, err
	}
	if one != nil {
		if manager, _ := httpManager(one); manager != nil {
			return &decision{Listener: listener.Name, Protocol: "http", Targets: []target{}}, nil
		}
	}
	return c.plain(listener, one, to)
}

func (c *config) plain(listener *listenerv3.Listener, one *listenerv3.FilterChain, to netip.AddrPort) (*decision, error) {
	answer := &decision{Listener: listener.Name, Protocol: "closed", Targets: []target{}}
	if one == nil {
		return answer, nil
	}
	proxy, err := tcpProxy(one)
	if err != nil || proxy == nil {
		return answer, err
	}
	answer.Protocol = "tcp"
	answer.Targets = c.targets(to, proxied(proxy))
	return answer, nil
}

// virtualHost as Envoy matches Host: exact, then the longest suffix, then the longest prefix, then "*".
func virtualHost(routes *routev3.RouteConfiguration, host string) *routev3.VirtualHost {
	host = strings.ToLower(host)
	if routes.GetIgnorePortInHostMatching() {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
	}
	var suffix, prefix, any *routev3.VirtualHost
	suffixLength, prefixLength := 0, 0
	for _, virtual := range routes.GetVirtualHosts() {
		for _, domain := range virtual.Domains {
			domain = strings.ToLower(domain)
			switch {
			case domain == host:
				return virtual
			case domain == "*":
				any = virtual
			case strings.HasPrefix(domain, "*") && strings.HasSuffix(host, domain[1:]) && len(host) >= len(domain) && len(domain) > suffixLength:
				suffix, suffixLength = virtual, len(domain)
			case strings.HasSuffix(domain, "*") && strings.HasPrefix(host, domain[:len(domain)-1]) && len(host) >= len(domain) && len(domain) > prefixLength:
				prefix, prefixLength = virtual, len(domain)
			}
		}
	}
	for _, virtual := range []*routev3.VirtualHost{suffix, prefix, any} {
		if virtual != nil {
			return virtual
		}
	}
	return nil
}

func takes(match *routev3.RouteMatch, path string, headers map[string]string) bool {
	switch rule := match.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		if !strings.HasPrefix(path, rule.Prefix) {
			return false
		}
	case *routev3.RouteMatch_Path:
		if path != rule.Path {
			return false
		}
	case *routev3.RouteMatch_PathSeparatedPrefix:
		if path != rule.PathSeparatedPrefix && !strings.HasPrefix(path, rule.PathSeparatedPrefix+"/") {
			return false
		}
	case *routev3.RouteMatch_SafeRegex:
		if !matches(rule.SafeRegex.Regex, path) {
			return false
		}
	}
	if len(match.GetQueryParameters()) > 0 {
		return false // our requests have none
	}
	return !slices.ContainsFunc(match.GetHeaders(), func(h *routev3.HeaderMatcher) bool { return !hasHeader(h, headers) })
}

func hasHeader(wanted *routev3.HeaderMatcher, headers map[string]string) bool {
	value, present := headers[strings.ToLower(wanted.Name)]
	met := present
	switch rule := wanted.GetHeaderMatchSpecifier().(type) {
	case *routev3.HeaderMatcher_PresentMatch:
		met = present == rule.PresentMatch
	case *routev3.HeaderMatcher_StringMatch:
		text := rule.StringMatch
		met = present && (text.GetExact() != "" && value == text.GetExact() ||
			text.GetPrefix() != "" && strings.HasPrefix(value, text.GetPrefix()) ||
			text.GetSuffix() != "" && strings.HasSuffix(value, text.GetSuffix()) ||
			text.GetSafeRegex() != nil && matches(text.GetSafeRegex().GetRegex(), value))
	}
	return met != wanted.InvertMatch
}

func matches(regex, text string) bool {
	compiled, err := regexp.Compile("^(?:" + regex + ")$")
	return err == nil && compiled.MatchString(text)
}

type weight struct {
	cluster string
	weight  uint32
}

func named(action *routev3.RouteAction) []weight {
	if name := action.GetCluster(); name != "" {
		return []weight{{name, 100}}
	}
	var all []weight
	for _, one := range action.GetWeightedClusters().GetClusters() {
		all = append(all, weight{one.Name, one.GetWeight().GetValue()})
	}
	return all
}

func proxied(proxy *tcpv3.TcpProxy) []weight {
	if name := proxy.GetCluster(); name != "" {
		return []weight{{name, 100}}
	}
	var all []weight
	for _, one := range proxy.GetWeightedClusters().GetClusters() {
		all = append(all, weight{one.Name, one.Weight})
	}
	return all
}

func (c *config) targets(to netip.AddrPort, weights []weight) []target {
	all := []target{}
	for _, w := range weights {
		one := c.cluster(w.cluster)
		one.Weight = w.weight
		if one.Type == "ORIGINAL_DST" {
			one.Endpoints = []string{to.String()}
		}
		all = append(all, one)
	}
	return all
}

// cluster with its endpoints: those that a request may be sent to.
func (c *config) cluster(name string) target {
	found := target{Cluster: name, Endpoints: []string{}}
	cluster := c.clusters[name]
	if cluster == nil {
		return found
	}
	found.Known = true
	found.Type = cluster.GetType().String()
	assignment := cluster.GetLoadAssignment()
	if cluster.GetType() == clusterv3.Cluster_EDS {
		assignment = c.endpoints[edsName(cluster)]
	}
	for _, locality := range assignment.GetEndpoints() {
		for _, one := range locality.LbEndpoints {
			if healthy(one) {
				socket := one.GetEndpoint().GetAddress().GetSocketAddress()
				found.Endpoints = append(found.Endpoints, fmt.Sprintf("%s:%d", socket.GetAddress(), socket.GetPortValue()))
			}
		}
	}
	sort.Strings(found.Endpoints)
	return found
}

func healthy(endpoint *endpointv3.LbEndpoint) bool {
	return endpoint.HealthStatus == corev3.HealthStatus_UNKNOWN || endpoint.HealthStatus == corev3.HealthStatus_HEALTHY
}

func (c *config) clustersWith(part string) []target {
	all := []target{}
	for name := range c.clusters {
		if strings.Contains(name, part) {
			all = append(all, c.cluster(name))
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Cluster < all[j].Cluster })
	return all
}

type missingRow struct {
	Where   string `json:"where"`
	Cluster string `json:"cluster"`
}

// missing lists the clusters that routes and TCP chains name and istiod did not send.
func (c *config) missing() []missingRow {
	rows := []missingRow{}
	look := func(where string, weights []weight) {
		for _, w := range weights {
			if c.clusters[w.cluster] == nil {
				rows = append(rows, missingRow{where, w.cluster})
			}
		}
	}
	inRoutes := func(routes *routev3.RouteConfiguration) {
		for _, virtual := range routes.GetVirtualHosts() {
			for _, route := range virtual.Routes {
				where := "route " + routes.Name + " " + virtual.Name
				look(where, named(route.GetRoute()))
				for _, mirror := range route.GetRoute().GetRequestMirrorPolicies() {
					look(where, []weight{{mirror.Cluster, 100}})
				}
			}
		}
	}
	for _, routes := range c.routes {
		inRoutes(routes)
	}
	for _, listener := range c.listeners {
		for _, one := range chainsOf(listener) {
			if manager, _ := httpManager(one); manager.GetRouteConfig() != nil {
				inRoutes(manager.GetRouteConfig())
			}
			if proxy, _ := tcpProxy(one); proxy != nil {
				look("listener "+listener.Name, proxied(proxy))
			}
		}
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Where+rows[i].Cluster < rows[j].Where+rows[j].Cluster })
	return slices.Compact(rows)
}
