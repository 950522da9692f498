// Command ads asks istiod, as the sidecar of one pod, what that sidecar was told,
// and answers questions about it. Called by tests/e2e/ads.py, and by hand:
//
//	ads -address 127.0.0.1:15010 -node NODE-ID [-metadata JSON] QUESTION…
//
// One line of JSON for each question, in their order:
//
//	"request IP:PORT HOST [PATH] [NAME:VALUE…]"  where a plain HTTP/1.1 request from the pod goes
//	"connect IP:PORT"           where a TCP connection goes that no listener filter tells anything of
//	"managers"                  every HTTP connection manager: listener, chain, port, use_remote_address
//	"listeners PORT"            the listeners that a connection to this port may meet, and how each treats it
//	"missing"                   routes and TCP chains that name a cluster which is not there
//	"clusters [PART]"           the clusters whose name holds PART, with their endpoints
//
// It plays the matching that Envoy documents (listeners by original destination, filter
// chains, virtual hosts, routes). It is not Envoy: no request is sent.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	address := flag.String("address", "", "istiod's plain gRPC address")
	node := flag.String("node", "", "node id: sidecar~IP~POD.NS~NS.svc.cluster.local")
	metadata := flag.String("metadata", "{}", "node metadata, JSON")
	timeout := flag.Duration("timeout", 60*time.Second, "for all answers of istiod together")
	flag.Parse()
	if err := run(*address, *node, *metadata, *timeout, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "ads:", err)
		os.Exit(1)
	}
}

func run(address, node, metadata string, timeout time.Duration, questions []string) error {
	config, err := fetch(address, node, metadata, timeout)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, question := range questions {
		answer, err := config.answer(strings.Fields(question))
		if err != nil {
			return fmt.Errorf("%q: %w", question, err)
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

func (c *config) answer(words []string) (any, error) {
	switch {
	case len(words) >= 3 && words[0] == "request":
		path, headers := "/", map[string]string{}
		for _, word := range words[3:] {
			if name, value, found := strings.Cut(word, ":"); found {
				headers[strings.ToLower(name)] = value
			} else {
				path = word
			}
		}
		return c.request(words[1], words[2], path, headers)
	case len(words) == 2 && words[0] == "connect":
		return c.connect(words[1])
	case len(words) == 1 && words[0] == "managers":
		return c.managers(), nil
	case len(words) == 2 && words[0] == "listeners":
		return c.listenersOf(words[1])
	case len(words) == 1 && words[0] == "missing":
		return c.missing(), nil
	case len(words) == 1 && words[0] == "clusters":
		return c.clustersWith(""), nil
	case len(words) == 2 && words[0] == "clusters":
		return c.clustersWith(words[1]), nil
	}
	return nil, fmt.Errorf("no such question; the first lines of main.go list them")
}
