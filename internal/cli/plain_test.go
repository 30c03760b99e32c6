package cli_test

import (
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/cli"
)

// TestPlain is what the commands print of registries without the discovery
// extension.
func TestPlain(t *testing.T) {
	for _, name := range []string{"olareg", "registry"} {
		t.Run(name, func(t *testing.T) {
			host := peer(t, name)
			index := fill(t, host, "acme/web")
			fill(t, host, "acme/tools/cli")
			var commands [][]string
			for _, l := range []string{"ls HOST", "ls HOST -o name --prefix acme/w", "ls namespaces HOST/acme", "ls tags HOST/acme/ -o name --type image", "ls WEB", "ls WEB --order -created -n 2", "ls WEB --order -name -n 2 -o name",
				"ls WEB --type image --platform linux/amd64 -o json", "ls manifests WEB", "ls manifests WEB --untagged --type spdx -o name", "ls manifests WEB --subject DIGEST -o ndjson",
				"ls WEB --since none -o name", "ls WEB --since now", "ls HOST/none", "inspect WEB:amd", "tree WEB:1.0", "history WEB:1.0", "tag WEB:1.0 2", "rm WEB:2", "rm WEB:2",
				"rm --yes --repository WEB", "rm WEB@DIGEST", "inspect WEB:1.0", "watch HOST --kinds manifest", "watch WEB --since x", "watch WEB --type image"} {
				commands = append(commands, strings.Fields(strings.NewReplacer("WEB", host+"/acme/web", "HOST", host, "DIGEST", string(index.Digest)).Replace(l)))
			}
			golden(t, "plain_"+name, commands)
		})
	}
}

// TestNobody asks where no registry is.
func TestNobody(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	host := freeHost(t)
	for _, args := range []string{"ls HOST", "ls HOST/x", "watch HOST", "inspect HOST/x:1", "tree HOST/x:1", "history HOST/x:1", "tag HOST/x:1 2", "rm HOST/x:1", "rm --yes --repository HOST/x", "cp HOST/x:1 HOST/y"} {
		fails(t, cli.ExitFailed, "connection refused", strings.Fields(strings.ReplaceAll(args, "HOST", host))...)
	}
}
