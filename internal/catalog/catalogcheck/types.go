package catalogcheck

// artifactTypes checks that a type is found by its short name and by its media
// type: that its row says what its word does.
func (c *checker) artifactTypes() {
	text := map[int64]string{}
	for _, w := range c.t.words {
		text[w.id] = w.text
	}
	for _, a := range c.t.types {
		want := a.media
		if a.short != "" {
			want = a.short + "\n" + a.media
		}
		expect(c, text[a.word], want, "the word of type %d", a.word)
	}
	for _, r := range c.t.retypings {
		if m := c.manifest[r.manifest]; m == nil || r.pos > m.mod || !c.types[r.was] {
			c.report("manifest %d has been of type %d until %d, but it is not there, or has not changed then", r.manifest, r.was, r.pos)
		}
	}
	for _, m := range c.t.manifests {
		if !c.types[m.typ] {
			c.report("manifest %d has type %d, which no filter finds", m.id, m.typ)
		}
	}
}
