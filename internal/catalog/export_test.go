package catalog

// SetRetypeStep makes steps of a size at which a test sees many of them.
func (c *Catalog) SetRetypeStep(n int) { c.retypeStep = n }
