package clienttest

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// putPolicy gives a namespace a policy that takes these types alone.
func putPolicy(t *testing.T, addr, id, namespace, types string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+addr+"/v2/_lading/types/policies/"+id,
		strings.NewReader(`{"scope":{"namespace":"`+namespace+`"},"allow":[`+types+`],"validate":"enforce"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status)
	}
}

// refusal is what a client prints when the registry refuses: it must say what
// was found and what to do.
func (c tool) refusal(t *testing.T, wants []string, args ...string) {
	t.Helper()
	stdout, stderr, err := c.try(args...)
	out := stdout + stderr
	if err == nil {
		t.Fatalf("%v was taken:\n%s", args, out)
	}
	t.Logf("%s %v prints:\n%s", filepath.Base(c.path), args, out)
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("%v does not say %q", args, want)
		}
	}
}

const whatToDo = "push it to another repository, or ask for a change of the policy"

func TestPolicyHelm(t *testing.T) {
	addr := startRegistry(t, configFile(t, "")).addr
	putPolicy(t, addr, "images", "images", `"image","image-index","docker-image"`)
	putPolicy(t, addr, "charts", "charts", `"helm"`)
	helm := newTool(t, "helm")
	chart := helm.chart(t, "0.1.0")
	helm.refusal(t, []string{"this is an artifact of type helm", "it takes docker-image, image, image-index", whatToDo}, "push", "--plain-http", chart, "oci://"+addr+"/images")
	helm.run(t, "push", "--plain-http", chart, "oci://"+addr+"/charts") // and a real chart is as charts should be
}

func TestPolicyOras(t *testing.T) {
	addr := startRegistry(t, configFile(t, "")).addr
	putPolicy(t, addr, "charts", "charts", `"helm"`)
	oras := newTool(t, "oras")
	writeFile(t, filepath.Join(oras.dir, "hello.txt"), "hello")
	oras.refusal(t, []string{"does not know (artifactType " + dataType + ")", "it takes helm", whatToDo},
		"push", "--plain-http", "--artifact-type", dataType, addr+"/charts/data:1", "hello.txt:text/plain")
	writeFile(t, filepath.Join(oras.dir, "config.json"), `{"name":"hello"}`)
	oras.refusal(t, []string{"takes artifacts of type helm only as they should be", "version"},
		"push", "--plain-http", "--config", "config.json:"+chartType, addr+"/charts/hello:1", "hello.txt:application/vnd.cncf.helm.chart.content.v1.tar+gzip")
}

func TestPolicyDocker(t *testing.T) {
	docker := startDocker(t)
	addr := startRegistry(t, configFile(t, "")).addr
	putPolicy(t, addr, "charts", "charts", `"helm"`)
	ref := addr + "/charts/app:1"
	id := docker.run(t, "import", docker.layer(t, "etc/greeting", "hello"), ref)
	t.Cleanup(func() { docker.try("image", "rm", "-f", id) })
	docker.refusal(t, []string{"it takes helm", whatToDo}, "push", ref)
}
