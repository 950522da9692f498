package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
)

const httpInspector = "envoy.filters.listener.http_inspector"

// connection is what a listener knows of a new connection when it picks a filter chain.
type connection struct {
	to        netip.AddrPort
	transport string // "raw_buffer" unless a TLS inspector saw TLS: then "tls"
	protocol  string // what the HTTP inspector saw: "http/1.1", or "" when it saw nothing of HTTP
}

func chainsOf(listener *listenerv3.Listener) []*listenerv3.FilterChain {
	chains := slices.Clone(listener.FilterChains)
	if listener.DefaultFilterChain != nil {
		chains = append(chains, listener.DefaultFilterChain)
	}
	return chains
}

// httpManager is a chain's HTTP connection manager, nil when it has none.
func httpManager(chain *listenerv3.FilterChain) (*httpv3.HttpConnectionManager, error) {
	for _, filter := range chain.Filters {
		manager := &httpv3.HttpConnectionManager{}
		if filter.GetTypedConfig().MessageIs(manager) {
			return manager, filter.GetTypedConfig().UnmarshalTo(manager)
		}
	}
	return nil, nil
}

func tcpProxy(chain *listenerv3.FilterChain) (*tcpv3.TcpProxy, error) {
	for _, filter := range chain.Filters {
		proxy := &tcpv3.TcpProxy{}
		if filter.GetTypedConfig().MessageIs(proxy) {
			return proxy, filter.GetTypedConfig().UnmarshalTo(proxy)
		}
	}
	return nil, nil
}

func socketsOf(listener *listenerv3.Listener) []*corev3.SocketAddress {
	sockets := []*corev3.SocketAddress{listener.GetAddress().GetSocketAddress()}
	for _, more := range listener.AdditionalAddresses {
		sockets = append(sockets, more.GetAddress().GetSocketAddress())
	}
	return sockets
}

func isOutbound(listener *listenerv3.Listener) bool {
	return listener.TrafficDirection == corev3.TrafficDirection_OUTBOUND
}

// outbound is the listener that virtualOutbound hands a connection to: the one of the
// exact address, else the wildcard of the port, else itself.
func (c *config) outbound(to netip.AddrPort) (*listenerv3.Listener, error) {
	var wildcard, virtual *listenerv3.Listener
	for _, listener := range c.listeners {
		if listener.Name == "virtualOutbound" {
			virtual = listener
			continue
		}
		if !isOutbound(listener) {
			continue
		}
		for _, socket := range socketsOf(listener) {
			address, err := netip.ParseAddr(socket.GetAddress())
			if err != nil || socket.GetPortValue() != uint32(to.Port()) {
				continue
			}
			if address == to.Addr() {
				return listener, nil
			}
			if address.IsUnspecified() {
				wildcard = listener
			}
		}
	}
	if wildcard != nil {
		return wildcard, nil
	}
	if virtual == nil {
		return nil, fmt.Errorf("istiod sent no listener virtualOutbound")
	}
	return virtual, nil
}

// chain picks a filter chain as Envoy does: criterion by criterion, and of the chains
// left those that name the value, else those that name none. nil: the connection is closed.
func chain(listener *listenerv3.Listener, conn connection) *listenerv3.FilterChain {
	left := listener.FilterChains
	left = narrow(left, func(m *listenerv3.FilterChainMatch) (bool, bool) {
		return m.GetDestinationPort() != nil, m.GetDestinationPort().GetValue() == uint32(conn.to.Port())
	})
	left = longestPrefix(left, conn.to.Addr())
	left = narrow(left, func(m *listenerv3.FilterChainMatch) (bool, bool) {
		return len(m.GetServerNames()) > 0, false // plain text names no server
	})
	left = narrow(left, func(m *listenerv3.FilterChainMatch) (bool, bool) {
		return m.GetTransportProtocol() != "", m.GetTransportProtocol() == conn.transport
	})
	left = narrow(left, func(m *listenerv3.FilterChainMatch) (bool, bool) {
		return len(m.GetApplicationProtocols()) > 0, conn.protocol != "" && slices.Contains(m.GetApplicationProtocols(), conn.protocol)
	})
	if len(left) > 0 {
		return left[0]
	}
	return listener.DefaultFilterChain
}

// narrow keeps the chains whose match names this criterion and meets it, or, when there
// are none, those whose match does not name it.
func narrow(chains []*listenerv3.FilterChain, test func(*listenerv3.FilterChainMatch) (named, met bool)) []*listenerv3.FilterChain {
	var meeting, silent []*listenerv3.FilterChain
	for _, c := range chains {
		switch named, met := test(c.GetFilterChainMatch()); {
		case named && met:
			meeting = append(meeting, c)
		case !named:
			silent = append(silent, c)
		}
	}
	if len(meeting) > 0 {
		return meeting
	}
	return silent
}

func longestPrefix(chains []*listenerv3.FilterChain, to netip.Addr) []*listenerv3.FilterChain {
	best, left := -2, []*listenerv3.FilterChain(nil)
	for _, c := range chains {
		length := -1
		ranges := c.GetFilterChainMatch().GetPrefixRanges()
		for _, r := range ranges {
			prefix, err := netip.ParsePrefix(r.AddressPrefix + "/" + strconv.Itoa(int(r.GetPrefixLen().GetValue())))
			if err == nil && prefix.Contains(to) {
				length = max(length, prefix.Bits())
			}
		}
		if len(ranges) > 0 && length < 0 {
			continue
		}
		if length > best {
			best, left = length, nil
		}
		if length == best {
			left = append(left, c)
		}
	}
	return left
}

// sniffs says whether an HTTP inspector looks at connections to this port.
func sniffs(listener *listenerv3.Listener, port uint16) bool {
	for _, filter := range listener.ListenerFilters {
		if filter.Name == httpInspector {
			return !disabledFor(filter.GetFilterDisabled(), port)
		}
	}
	return false
}

func disabledFor(match *listenerv3.ListenerFilterChainMatchPredicate, port uint16) bool {
	switch rule := match.GetRule().(type) {
	case *listenerv3.ListenerFilterChainMatchPredicate_AnyMatch:
		return rule.AnyMatch
	case *listenerv3.ListenerFilterChainMatchPredicate_NotMatch:
		return !disabledFor(rule.NotMatch, port)
	case *listenerv3.ListenerFilterChainMatchPredicate_OrMatch:
		return slices.ContainsFunc(rule.OrMatch.Rules, func(m *listenerv3.ListenerFilterChainMatchPredicate) bool { return disabledFor(m, port) })
	case *listenerv3.ListenerFilterChainMatchPredicate_AndMatch:
		return !slices.ContainsFunc(rule.AndMatch.Rules, func(m *listenerv3.ListenerFilterChainMatchPredicate) bool { return !disabledFor(m, port) })
	case *listenerv3.ListenerFilterChainMatchPredicate_DestinationPortRange:
		return int32(port) >= rule.DestinationPortRange.Start && int32(port) < rule.DestinationPortRange.End
	}
	return false
}

type managerRow struct {
	Listener         string `json:"listener"`
	Chain            string `json:"chain"`
	Direction        string `json:"direction"`
	Port             uint32 `json:"port"` // that the chain is for; 0 is any
	Route            string `json:"route"`
	UseRemoteAddress bool   `json:"use_remote_address"`
	TrustedHops      uint32 `json:"xff_num_trusted_hops"`
}

func (c *config) managers() []managerRow {
	rows := []managerRow{}
	for _, listener := range c.listeners {
		for _, one := range chainsOf(listener) {
			manager, _ := httpManager(one) // fetch has read them all
			if manager == nil {
				continue
			}
			port := one.GetFilterChainMatch().GetDestinationPort().GetValue()
			if isOutbound(listener) && port == 0 {
				port = listener.GetAddress().GetSocketAddress().GetPortValue()
			}
			rows = append(rows, managerRow{
				Listener: listener.Name, Chain: one.Name, Direction: strings.ToLower(listener.TrafficDirection.String()),
				Port: port, Route: manager.GetRds().GetRouteConfigName(),
				UseRemoteAddress: manager.GetUseRemoteAddress().GetValue(), TrustedHops: manager.XffNumTrustedHops})
		}
	}
	return rows
}

type listenerRow struct {
	Listener string `json:"listener"`
	Address  string `json:"address"`
	Sniffs   bool   `json:"sniffs"` // an HTTP inspector looks at what comes first
	HTTP     bool   `json:"http"`   // some chain has an HTTP connection manager
	TCP      bool   `json:"tcp"`    // some chain has a TCP proxy
}

// listenersOf tells of the outbound listeners that are bound to a port.
func (c *config) listenersOf(text string) (any, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("a port, not %q", text)
	}
	rows := []listenerRow{}
	for _, listener := range c.listeners {
		for _, socket := range socketsOf(listener) {
			if !isOutbound(listener) || uint64(socket.GetPortValue()) != port {
				continue
			}
			row := listenerRow{Listener: listener.Name, Address: socket.GetAddress(), Sniffs: sniffs(listener, uint16(port))}
			for _, one := range chainsOf(listener) {
				manager, _ := httpManager(one)
				proxy, _ := tcpProxy(one)
				row.HTTP = row.HTTP || manager != nil
				row.TCP = row.TCP || proxy != nil
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}
