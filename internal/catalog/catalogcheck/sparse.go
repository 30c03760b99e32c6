package catalogcheck

// missing is a row of manifest_missing: a blob that a manifest refers to and
// that its repository does not link.
type missing struct {
	repo     int64
	digest   []byte
	manifest int64
}

// missing checks that what is recorded as missing is missing, and for whom.
func (c *checker) missing() {
	here := map[string]bool{}
	for _, l := range c.t.links {
		if b := c.blobs[l.blob]; b != nil {
			here[key(l.repo, string(b.digest))] = true
		}
	}
	for _, x := range c.t.missing {
		if _, ok := c.owner(x.repo, "a missing blob of manifest %d", x.manifest); !ok || c.repos[x.repo] == nil {
			continue
		}
		if here[key(x.repo, string(x.digest))] {
			c.report("a blob of manifest %d is recorded as missing, and linked", x.manifest)
		}
		if m := c.manifest[x.manifest]; m == nil || m.repo != x.repo {
			c.report("manifest %d misses a blob but is not in repository %d", x.manifest, x.repo)
		}
	}
}
