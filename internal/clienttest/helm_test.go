package clienttest

import (
	"path/filepath"
	"strings"
	"testing"
)

const chartType = "application/vnd.cncf.helm.config.v1+json"

// chart makes the chart hello and packages a version of it. It returns the
// package's path.
func (c tool) chart(t *testing.T, version string) string {
	t.Helper()
	if !exists(filepath.Join(c.dir, "hello")) {
		c.run(t, "create", "hello")
	}
	c.run(t, "package", "--version", version, "hello")
	return filepath.Join(c.dir, "hello-"+version+".tgz")
}

func TestHelm(t *testing.T) {
	addr := startRegistry(t, configFile(t, "")).addr
	helm := newTool(t, "helm")
	charts, hello := "oci://"+addr+"/charts", "oci://"+addr+"/charts/hello"
	versions := []string{"0.1.0", "0.1.5", "0.2.0-rc.1", "0.3.0+build.7"}
	for _, v := range versions {
		helm.run(t, "push", "--plain-http", helm.chart(t, v), charts)
	}
	// helm lists the tags and chooses; a + is an _ in a tag.
	for constraint, version := range map[string]string{"": "0.3.0+build.7", "~0.1": "0.1.5", ">=0.2-0 <0.3": "0.2.0-rc.1", "0.1.0": "0.1.0"} {
		shown := helm.run(t, "show", "chart", "--plain-http", "--version", constraint, hello)
		if !strings.Contains(shown+"\n", "\nversion: "+version+"\n") {
			t.Errorf("version %q is\n%s\nwant %s", constraint, shown, version)
		}
	}
	for _, v := range versions {
		out, name := t.TempDir(), "hello-"+v+".tgz"
		helm.run(t, "pull", "--plain-http", "--version", v, "-d", out, hello)
		if readFile(t, filepath.Join(out, name)) != readFile(t, filepath.Join(helm.dir, name)) {
			t.Errorf("%s is other bytes than were pushed", name)
		}
	}
	if rendered := helm.run(t, "template", "greet", "--plain-http", "--version=0.1.0", hello); !strings.Contains(rendered, "name: greet-hello") {
		t.Errorf("rendered:\n%s", rendered)
	}
	helm.fails(t, "not found", "pull", "--plain-http", "--version=9.9.9", hello)
	helm.fails(t, "name unknown", "pull", "--plain-http", "oci://"+addr+"/charts/none")
	holds(t, addr,
		"charts/hello:0.1.0 manifest "+chartType, "charts/hello:0.1.5 manifest "+chartType,
		"charts/hello:0.2.0-rc.1 manifest "+chartType, "charts/hello:0.3.0_build.7 manifest "+chartType)
}

// TestHelmDependency has a chart that depends on one in the registry.
func TestHelmDependency(t *testing.T) {
	addr := startRegistry(t, configFile(t, "")).addr
	helm := newTool(t, "helm")
	helm.run(t, "push", "--plain-http", helm.chart(t, "0.1.0"), "oci://"+addr+"/charts")
	helm.run(t, "create", "parent")
	file := filepath.Join(helm.dir, "parent/Chart.yaml")
	writeFile(t, file, readFile(t, file)+"\ndependencies:\n- name: hello\n  version: ^0.1.0\n  repository: oci://"+addr+"/charts\n")
	helm.run(t, "dependency", "update", "--plain-http", "parent")
	if readFile(t, filepath.Join(helm.dir, "parent/charts/hello-0.1.0.tgz")) != readFile(t, filepath.Join(helm.dir, "hello-0.1.0.tgz")) {
		t.Error("the dependency is other bytes than were pushed")
	}
}
