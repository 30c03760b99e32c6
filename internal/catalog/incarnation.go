package catalog

import "encoding/hex"

// IncarnationText is how an incarnation is shown.
func IncarnationText(b []byte) string { return hex.EncodeToString(b) }
