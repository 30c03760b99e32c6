package clienttest

import (
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func driveCrane(d *drive) {
	crane := d.tool("crane")
	run := crane.with(d.T, "--insecure")
	app := d.ref("acme/app")
	for _, arch := range []string{"amd64", "arm64"} {
		run("append", "--oci-empty-base", "-f", crane.layer(d.T, arch, "hello "+arch), "-t", app+":"+arch)
		run("mutate", "--set-platform", "linux/"+arch, "-t", app+":"+arch, app+":"+arch)
	}
	run("index", "append", "-m", app+":amd64", "-m", app+":arm64", "-t", app+":1")
	run("tag", app+":1", "latest")
	run("append", "-f", crane.layer(d.T, "docker", "hello docker"), "-t", app+":docker")
	run("copy", app+":latest", d.ref("acme/copy:1"))
	run("validate", "--remote", d.ref("acme/copy:1"))
	equal(d.T, "the copy's digest", run("digest", d.ref("acme/copy:1")), run("digest", app+":1"))
	run("pull", "--format=oci", app+":latest", filepath.Join(crane.dir, "layout"))
}

func driveOras(d *drive) {
	oras := d.tool("oras")
	data := d.ref("acme/data")
	oras.put(d.T, "hello.txt", "hello from oras")
	oras.put(d.T, "sbom.json", `{"spdxVersion": "SPDX-2.3"}`)
	oras.put(d.T, "note.txt", "the bill was seen")
	oras.run(d.T, "push", "--plain-http", "--artifact-type", dataType, "--annotation", "acme.colour=blue", data+":1", "hello.txt:text/plain")
	sbom := parse[ocispec.Descriptor](d.T, oras.run(d.T, "attach", "--plain-http", "--format=json", "--distribution-spec=v1.1-referrers-api",
		"--artifact-type", "application/spdx+json", data+":1", "sbom.json:application/spdx+json"))
	oras.run(d.T, "attach", "--plain-http", "--distribution-spec=v1.1-referrers-api",
		"--artifact-type", "application/vnd.acme.note.v1", data+"@"+sbom.Digest.String(), "note.txt:text/plain")
	oras.run(d.T, "manifest", "index", "create", "--plain-http", "--artifact-type", "application/vnd.acme.bundle.v1", data+":bundle", "1")

	tree := oras.run(d.T, "discover", "--plain-http", "--format=json", "--depth=2", data+":1")
	if !strings.Contains(tree, "application/vnd.acme.note.v1") {
		d.Errorf("the referrer's referrer was not discovered:\n%s", tree)
	}
	oras.run(d.T, "backup", "--plain-http", "--include-referrers", "--output", "saved.tar", data+":1")
	oras.run(d.T, "restore", "--plain-http", "--input", "saved.tar", d.ref("acme/restored")+":1")
	oras.run(d.T, "pull", "--plain-http", "-o", "out", d.ref("acme/restored:1"))
	equal(d.T, "the file that was restored", readFile(d.T, filepath.Join(oras.dir, "out/hello.txt")), "hello from oras")
}

// driveWasm pushes the smallest component there is, in the layout of the CNCF
// ("Wasm OCI Artifact", TAG Runtime).
func driveWasm(d *drive) {
	oras := d.tool("oras")
	component := "\x00asm\x0d\x00\x01\x00"
	oras.put(d.T, "empty.wasm", component)
	oras.put(d.T, "config.json", `{"created":"2026-01-01T00:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":["`+
		digestOf(component)+`"],"component":{"exports":[],"imports":[],"target":null}}`)
	oras.run(d.T, "push", "--plain-http", "--config", "config.json:application/vnd.wasm.config.v0+json",
		"--annotation", ocispec.AnnotationTitle+"=empty", d.ref("acme/empty:0.1.0"), "empty.wasm:application/wasm")
	oras.run(d.T, "pull", "--plain-http", "-o", "out", d.ref("acme/empty:0.1.0"))
	equal(d.T, "the component", readFile(d.T, filepath.Join(oras.dir, "out/empty.wasm")), component)
}

func driveHelm(d *drive) {
	helm := d.tool("helm")
	secret, public := signingKeys(d, helm.dir)
	helm.run(d.T, "create", "hello")
	helm.run(d.T, "package", "--sign", "--key", "lading", "--keyring", secret, "--version", "0.1.0", "hello")
	helm.run(d.T, "push", "--plain-http", "hello-0.1.0.tgz", "oci://"+d.ref("charts"))
	helm.run(d.T, "package", "--version", "0.2.0+build.7", "hello")
	helm.run(d.T, "push", "--plain-http", "hello-0.2.0+build.7.tgz", "oci://"+d.ref("charts"))
	out := filepath.Dir(helm.put(d.T, "out/empty", ""))
	helm.run(d.T, "pull", "--plain-http", "--version=0.1.0", "--verify", "--keyring", public, "-d", "out", "oci://"+d.ref("charts/hello"))
	for _, name := range []string{"hello-0.1.0.tgz", "hello-0.1.0.tgz.prov"} {
		if readFile(d.T, filepath.Join(out, name)) != readFile(d.T, filepath.Join(helm.dir, name)) {
			d.Errorf("%s is other bytes than were pushed", name)
		}
	}
	helm.fails(d.T, "provenance", "pull", "--plain-http", "--version=0.2.0+build.7", "--verify", "--keyring", public, "-d", "out", "oci://"+d.ref("charts/hello"))
}

// signingKeys makes an OpenPGP key of the name lading.
func signingKeys(d *drive, dir string) (secret, public string) {
	d.Helper()
	gpg := newTool(d.T, "gpg")
	home, err := os.MkdirTemp("", "lading-gpg-") // short: the agent's socket is in it
	if err != nil {
		d.Fatal(err)
	}
	gpg.env = append(gpg.env, "GNUPGHOME="+home)
	d.Cleanup(func() {
		agent := newTool(d.T, "gpgconf")
		agent.env = gpg.env
		agent.try("--kill", "all")
		os.RemoveAll(home)
	})
	gpg.run(d.T, "--batch", "--passphrase", "", "--quick-generate-key", "lading <lading@example.com>", "ed25519", "sign", "never")
	secret, public = filepath.Join(dir, "secret.gpg"), filepath.Join(dir, "public.gpg")
	gpg.run(d.T, "--batch", "--output", secret, "--export-secret-keys")
	gpg.run(d.T, "--batch", "--output", public, "--export")
	return secret, public
}

// driveRegctl has an index with a referrer, all under sha256 and all under
// sha512.
func driveRegctl(d *drive) {
	regctl := d.noted(newRegctl(d.T, d.addr))
	one := regctl.multiArch(d.T, d.addr)
	regctl.put(d.T, "sbom", "bill of materials")
	regctl.run(d.T, "artifact", "put", "--artifact-type="+sbomType, "--file=sbom", "--subject", one+":all")
	layout := "ocidir://layout:all"
	regctl.run(d.T, "image", "copy", one+":all", layout)
	regctl.run(d.T, "image", "mod", "--replace", "--digest-algo=sha512", layout)
	regctl.run(d.T, "image", "copy", layout, d.ref("acme/wide:all"))
	regctl.run(d.T, "artifact", "put", "--artifact-type="+sbomType, "--file=sbom", "--subject", d.ref("acme/wide:all"))
	regctl.run(d.T, "image", "copy", "--referrers", d.ref("acme/wide:all"), d.ref("acme/copy:all"))
	equal(d.T, "the referrer's file", regctl.run(d.T, "artifact", "get", "--filter-artifact-type="+sbomType, "--subject", d.ref("acme/copy:all")), "bill of materials")
}

// driveSkopeo begins with what buildah pushed once, and leaves copies of it.
func driveSkopeo(d *drive) {
	skopeo := skopeo{d.tool("skopeo")}
	index, docker, back := "docker://"+d.ref("acme/index:1"), "docker://"+d.ref("acme/docker:1"), "docker://"+d.ref("acme/back:1")
	recordingOf("buildah").replay(d.T, d.addr, "from")
	skopeo.copy(d.T, "docker://"+d.ref("from/acme/app:oci"), index)
	skopeo.copy(d.T, index, docker, "--format=v2s2")
	skopeo.copy(d.T, docker, back, "--format=oci")
	sync := []string{"--insecure-policy", "sync", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", "--src=docker", "--dest=docker"}
	skopeo.run(d.T, append(sync, d.ref("acme/docker"), d.ref("mirror"))...)
	before := d.cursor()
	skopeo.run(d.T, append(sync, d.ref("acme/docker"), d.ref("mirror"))...)
	d.unchangedSince(before)
	equal(d.T, "the tags in the mirror", skopeo.tags(d.T, d.ref("mirror/docker")), "1")
	skopeo.run(d.T, "delete", "--tls-verify=false", back)
}

func driveRegsync(d *drive) {
	regctl, regsync := d.noted(newRegctl(d.T, d.addr)), d.tool("regsync")
	one := regctl.multiArch(d.T, d.addr)
	sbom := filepath.Join(regctl.dir, "sbom")
	writeFile(d.T, sbom, "bill of materials")
	regctl.run(d.T, "artifact", "put", "--artifact-type="+sbomType, "--file="+sbom, "--subject", one+":all")
	config := regsync.put(d.T, "regsync.yml", `
version: 1
creds: [{registry: "`+d.addr+`", tls: disabled}]
defaults: {referrers: true, digestTags: true}
sync: [{type: repository, source: "`+one+`", target: "`+d.ref("mirror/one")+`", tags: {allow: ["a.*"], deny: [arm64]}}]
`)
	regsync.run(d.T, "once", "--config", config)
	before := d.cursor()
	regsync.run(d.T, "once", "--config", config)
	d.unchangedSince(before)
	equal(d.T, "the tags in the mirror", regctl.run(d.T, "tag", "ls", d.ref("mirror/one")), "all\namd64")
}

func driveUmoci(d *drive) {
	umoci, skopeo := d.tool("umoci"), skopeo{d.tool("skopeo")}
	greeting := umoci.put(d.T, "greeting", "hello from umoci")
	umoci.run(d.T, "init", "--layout", "made")
	umoci.run(d.T, "new", "--image", "made:1")
	umoci.run(d.T, "insert", "--image", "made:1", greeting, "/etc/greeting")
	umoci.run(d.T, "config", "--image", "made:1", "--config.label", "colour=blue", "--config.cmd", "/etc/greeting")
	skopeo.copy(d.T, "oci:"+filepath.Join(umoci.dir, "made:1"), "docker://"+d.ref("acme/made:1"))
	skopeo.copy(d.T, "docker://"+d.ref("acme/made:1"), "oci:"+filepath.Join(umoci.dir, "pulled:1"))
	umoci.run(d.T, "unpack", "--image", "pulled:1", "bundle")
	equal(d.T, "the file in the image", readFile(d.T, filepath.Join(umoci.dir, "bundle/rootfs/etc/greeting")), "hello from umoci")
}

func driveConftest(d *drive) {
	conftest := d.tool("conftest")
	conftest.put(d.T, "policy/names.rego", "package main\n\nimport rego.v1\n\ndeny contains msg if {\n\tnot input.name\n\tmsg := \"it has no name\"\n}\n")
	conftest.put(d.T, "data/colours.json", `{"colours": ["blue"]}`)
	conftest.put(d.T, "nameless.json", `{"colour": "blue"}`)
	conftest.run(d.T, "push", "--tls=false", "--policy=policy", "--data=data", d.ref("acme/policy:1"))
	conftest.run(d.T, "pull", "--tls=false", "--policy=pulled", d.ref("acme/policy:1"))
	equal(d.T, "the policy", readFile(d.T, filepath.Join(conftest.dir, "pulled/policy/names.rego")), readFile(d.T, filepath.Join(conftest.dir, "policy/names.rego")))
	conftest.fails(d.T, "it has no name", "test", "--policy=pulled/policy", "nameless.json")
}
