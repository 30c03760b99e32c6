package clienttest

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// client is a program that is driven against a registry, and of which
// testdata has what it pushed.
type client struct {
	name string // its directory in testdata
	// parts are the programs it consists of.
	parts []string
	does  string // what it is driven to do, in words
	// ci has it driven in every run of the tests. The others take long to
	// build, or are much to install: `make test-clients` drives them, and every
	// run pushes what they pushed.
	ci    bool
	drive func(d *drive)
}

var clients = []client{
	{name: "crane", ci: true, drive: driveCrane, parts: []string{"crane"}, does: "append, index, copy, tag, pull, validate"},
	{name: "oras", ci: true, drive: driveOras, parts: []string{"oras"}, does: "push, attach, discover, copy, index, backup, restore"},
	{name: "wasm", ci: true, drive: driveWasm, parts: []string{"oras"}, does: "push and pull a WebAssembly component"},
	{name: "helm", ci: true, drive: driveHelm, parts: []string{"helm"}, does: "push and pull a chart with its provenance, verify it"},
	{name: "regctl", ci: true, drive: driveRegctl, parts: []string{"regctl"}, does: "index, referrers, everything under sha512, copy with referrers"},
	{name: "skopeo", ci: true, drive: driveSkopeo, parts: []string{"skopeo"}, does: "copy --all, to docker's format and back, sync, list-tags, delete"},
	{name: "regsync", ci: true, drive: driveRegsync, parts: []string{"regsync", "regctl"}, does: "mirror by pattern, with referrers; the second run writes nothing"},
	// As root the engine is the tests' own; what a user's engine makes of an
	// image is not known.
	{name: "docker", ci: os.Geteuid() == 0, drive: driveDocker, parts: []string{"dockerd", "docker"}, does: "build, push, manifest list, pull, as a mirror, search"},
	{name: "podman", drive: drivePodman, parts: []string{"podman"}, does: "build, push, pull, manifest list, as a mirror, search"},
	{name: "buildah", drive: driveBuildah, parts: []string{"buildah"}, does: "build for two platforms, push the index, both formats; from"},
	{name: "containerd", drive: driveContainerd, parts: []string{"containerd", "ctr"}, does: "push an index, pull it, pull through a mirror (ns=)"},
	{name: "umoci", drive: driveUmoci, parts: []string{"umoci", "skopeo"}, does: "build a layout, push, pull, unpack"},
	{name: "cosign", drive: driveCosign, parts: []string{"cosign"}, does: "sign, attest, verify by tag, referrer and bundle; tree, copy"},
	{name: "notation", drive: driveNotation, parts: []string{"notation"}, does: "sign, list, inspect, verify: by referrers and by tag"},
	{name: "conftest", drive: driveConftest, parts: []string{"conftest"}, does: "push and pull a policy bundle, test with it"},
	{name: "cnab-to-oci", drive: driveCNAB, parts: []string{"cnab-to-oci", "crane", "dockerd"}, does: "push bundles, thin and thick, to one repository and another; pull"},
}

// Which clients are driven beside those of every run: their names with commas
// between them, or "all". With [recordVariable] set to 1 the recordings of those
// driven by name are made anew.
const (
	clientsVariable = "LADING_CLIENTS"
	recordVariable  = "LADING_RECORD"
)

func (c client) asked() bool {
	asked := strings.Split(os.Getenv(clientsVariable), ",")
	return slices.Contains(asked, "all") || slices.Contains(asked, c.name)
}

// TestClients drives clients, each against a registry of its own, which must
// hold afterwards what the client's recording says.
func TestClients(t *testing.T) {
	report := fmt.Sprintf("\n"+reportLine, "client", "what was done", "result")
	for _, c := range clients {
		if !c.ci && !c.asked() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			t.Cleanup(func() { report += c.report(t, time.Since(start)) })
			c.driven(t)
		})
	}
	if os.Getenv(clientsVariable) != "" {
		fmt.Println(report)
	}
}

func (c client) driven(t *testing.T) {
	d := &drive{T: t, addr: startRegistry(t, configFile(t, "")).addr}
	c.drive(d)
	r := recordingOf(c.name)
	if c.asked() && os.Getenv(recordVariable) == "1" {
		r.write(t, d.addr, inventory(t, d.addr, ""), c.readme(d))
	}
	holds(t, d.addr, r.listing(t)...)
}

// TestRecordings pushes what every client pushed once, each in a namespace of
// its own. It must be taken and given back unchanged, and be listed as it was
// when the client itself pushed it.
func TestRecordings(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		for _, c := range clients {
			t.Run(c.name, func(t *testing.T) {
				r := recordingOf(c.name)
				r.replay(t, addr, c.name)
				holdsUnder(t, addr, c.name, r.listing(t)...)
				r.unchanged(t, addr, c.name)
			})
		}
	})
}

// TestRecordingsAreOfClients checks that no recording is without its client.
func TestRecordingsAreOfClients(t *testing.T) {
	dirs, err := filepath.Glob("testdata/*/index.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		name := filepath.Base(filepath.Dir(dir))
		if !slices.ContainsFunc(clients, func(c client) bool { return c.name == name }) {
			t.Errorf("testdata/%s belongs to no client", name)
		}
	}
}

func (c client) readme(d *drive) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What %s pushed\n\n%s.\n\n", c.name, strings.Join(c.versions(d.T), ", "))
	fmt.Fprintf(&b, "Recorded from the registry, 127.0.0.1:5000 here, by `%s=1 scripts/test-clients %s`:\n\n", recordVariable, c.name)
	for _, command := range d.commands {
		b.WriteString("    " + command + "\n")
	}
	return b.String()
}

const reportLine = "%-33s %-64s %s\n"

func (c client) report(t *testing.T, took time.Duration) string {
	result := "passed"
	if t.Failed() {
		result = "FAILED"
	}
	return fmt.Sprintf(reportLine, strings.Join(c.versions(t), ", "), c.does, fmt.Sprintf("%s in %.1fs", result, took.Seconds()))
}

var number = regexp.MustCompile(`v?\d+\.\d+\.\d+`)

// versions tells the versions of the client's programs: of one that go has
// built the module's, of any other what it says itself.
func (c client) versions(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, name := range c.parts {
		program := newTool(t, name)
		version := ""
		if info, err := buildinfo.ReadFile(program.path); err == nil {
			version = info.Main.Version
		}
		if !number.MatchString(version) {
			said, _, _ := program.try("--version")
			version = number.FindString(said)
		}
		out = append(out, name+" "+strings.TrimPrefix(version, "v"))
	}
	return out
}
