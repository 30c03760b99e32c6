package config_test

import (
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/config"
)

func TestParseByteSize(t *testing.T) {
	for text, want := range map[string]config.ByteSize{
		"0B": 0, "512B": 512, "64KiB": 64 << 10, "4MiB": 4 << 20, "3 GiB": 3 << 30, "1TiB": 1 << 40,
		"9223372036854775807B": 1<<63 - 1,
	} {
		got, err := config.ParseByteSize(text)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "4", "B", "4KB", "4kib", "-4KiB", "+4KiB", "1.5MiB", "8388608TiB", "9223372036854775808B", "0x4KiB"} {
		if got, err := config.ParseByteSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestByteSizeString(t *testing.T) {
	for size, want := range map[config.ByteSize]string{
		0: "0B", 1: "1B", 1023: "1023B", 1024: "1KiB", 1536: "1536B", 4 << 20: "4MiB", 5 << 40: "5TiB",
	} {
		if got := size.String(); got != want {
			t.Errorf("%d: %q, want %q", int64(size), got, want)
		}
		if back, err := config.ParseByteSize(want); err != nil || back != size {
			t.Errorf("%q: %d, %v", want, back, err)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour, "0d": 0, "500ms": 500 * time.Millisecond,
	} {
		got, err := config.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "60", "3 days", "-1h", "d", "1.5d", "-1d", "106752d", "1d12h", "soon"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestRedacted(t *testing.T) {
	for url, want := range map[string]string{
		"":                                      "sqlite",
		"postgres://db/lading":                  "postgres://db/lading",
		"postgres://u:secret@db:5432/lading":    "postgres://db:5432/lading",
		"postgresql://u:se@cret@db/l?password=": "postgres://db/l",
		"postgres:///l?password=secret":         "postgres:///l",
	} {
		if got := (config.Catalog{URL: url}).Redacted(); got != want {
			t.Errorf("%q: %q, want %q", url, got, want)
		}
	}
}
