// Command istiod is Istio's control plane as its own project builds it, pinned
// by go.mod. tests/e2e/cluster.py starts it for its injection and validation
// webhooks. It never serves a real sidecar there.
package main

import (
	"os"

	"istio.io/istio/pilot/cmd/pilot-discovery/app"
	"istio.io/istio/pkg/log"
)

func main() {
	log.EnableKlogWithCobra()
	command := app.NewRootCommand()
	if err := command.Execute(); err != nil {
		log.Error(err)
		os.Exit(-1)
	}
}
