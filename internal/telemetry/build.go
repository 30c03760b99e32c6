package telemetry

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewMetrics returns a registry of metrics with those of the build, of Go and
// of the process.
func NewMetrics() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lading_build_info",
		Help: "1; which build this is."}, []string{"version", "commit", "go"})
	version, commit := buildOf(debug.ReadBuildInfo())
	build.WithLabelValues(version, commit, runtime.Version()).Set(1)
	reg.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// buildOf is the version and the commit, as far as the build recorded them.
func buildOf(info *debug.BuildInfo, ok bool) (version, commit string) {
	if !ok {
		return "devel", ""
	}
	if version = info.Main.Version; version == "" || version == "(devel)" {
		version = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return version, commit
}
