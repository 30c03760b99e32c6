package clienttest

import (
	"strings"
)

// driveCosign signs and attests in the three forms that are in use: under a
// tag made of the subject's digest, as a referrer with cosign's own types, and
// as a referrer that is a Sigstore bundle. No service is asked: keys are made
// here and nothing is put into a transparency log.
func driveCosign(d *drive) {
	cosign := d.tool("cosign")
	cosign.env = append(cosign.env, "COSIGN_PASSWORD=", "COSIGN_EXPERIMENTAL=1")
	cosign.put(d.T, "predicate.json", `{"seen": true}`)
	cosign.run(d.T, "generate-key-pair")
	subject := func(repo string) string { return d.image(d.ref(repo) + ":1") }
	do := func(command string, args ...string) {
		d.Helper()
		flags := []string{command, "--allow-http-registry"}
		switch command {
		case "sign", "attest":
			flags = append(flags, "--key=cosign.key", "--tlog-upload=false", "--yes")
		case "verify", "verify-attestation":
			flags = append(flags, "--key=cosign.pub", "--insecure-ignore-tlog")
		}
		cosign.run(d.T, append(flags, args...)...)
	}

	classic := subject("acme/classic")
	do("sign", classic)
	do("attest", "--type=custom", "--predicate=predicate.json", classic)
	do("verify", classic)
	do("verify-attestation", "--type=custom", classic)
	if tree := cosign.run(d.T, "tree", "--allow-http-registry", classic); !strings.Contains(tree, "Signatures") || !strings.Contains(tree, "Attestations") {
		d.Errorf("cosign tree:\n%s", tree)
	}
	do("copy", classic, d.ref("acme/copied:1"))
	do("verify", d.ref("acme/copied:1"))

	referring := subject("acme/referring")
	do("sign", "--registry-referrers-mode=oci-1-1", referring)
	do("verify", "--experimental-oci11", referring)

	// A bundle is verified against a trusted root; here it trusts nobody but
	// the key.
	cosign.run(d.T, "trusted-root", "create", "--out=root.json")
	bundled := subject("acme/bundled")
	do("sign", "--new-bundle-format", bundled)
	do("attest", "--new-bundle-format", "--type=custom", "--predicate=predicate.json", bundled)
	do("verify", "--new-bundle-format", "--trusted-root=root.json", bundled)
	do("verify-attestation", "--new-bundle-format", "--trusted-root=root.json", "--type=custom", bundled)
	cosign.fails(d.T, "no signatures found", "verify", "--allow-http-registry", "--key=cosign.pub", "--insecure-ignore-tlog", subject("acme/unsigned"))
}

// image pushes an image for others to sign, and returns it by its digest.
func (d *drive) image(ref string) string {
	d.Helper()
	crane := newTool(d.T, "crane")
	return crane.run(d.T, "append", "--insecure", "--oci-empty-base", "-f", crane.layer(d.T, "greeting", "hello"), "-t", ref)
}

// trustPolicy trusts what the key lading.test has signed.
const trustPolicy = `{"version":"1.0","trustPolicies":[{"name":"all","registryScopes":["*"],"signatureVerification":{"level":"strict"},
"trustStores":["ca:lading.test"],"trustedIdentities":["*"]}]}`

func driveNotation(d *drive) {
	notation := d.tool("notation")
	notation.run(d.T, "cert", "generate-test", "--default", "lading.test")
	notation.run(d.T, "policy", "import", notation.put(d.T, "policy.json", trustPolicy))

	byReferrers := d.image(d.ref("acme/app:1"))
	for _, format := range []string{"jws", "cose"} {
		notation.run(d.T, "sign", "--insecure-registry", "--force-referrers-tag=false", "--signature-format", format, byReferrers)
	}
	byTag := d.image(d.ref("acme/tagged:1"))
	notation.run(d.T, "sign", "--insecure-registry", "--force-referrers-tag=true", byTag)
	for _, image := range []string{byReferrers, byTag} {
		notation.run(d.T, "verify", "--insecure-registry", image)
	}
	if list := notation.run(d.T, "list", "--insecure-registry", byReferrers); strings.Count(list, "sha256:") != 3 {
		d.Errorf("notation list tells not one image and two signatures:\n%s", list)
	}
	notation.run(d.T, "inspect", "--insecure-registry", byReferrers)
	unsigned := d.image(d.ref("acme/unsigned:1"))
	notation.fails(d.T, "no signature is associated", "verify", "--insecure-registry", unsigned)
}
