package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ByteSize is a number of bytes. Its text has a unit of 1024s.
type ByteSize int64

var sizeUnits = []struct {
	name  string
	bytes ByteSize
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseByteSize reads a whole number with a unit: B, KiB, MiB, GiB or TiB. KB
// and its like are refused, because they mean 1000 to some and 1024 to others;
// so is a number without a unit.
func ParseByteSize(text string) (ByteSize, error) {
	wrong := fmt.Errorf("%q is not a size: write a whole number with a unit, such as 512B, 64KiB, 4MiB or 1GiB", text)
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 63)
		if err != nil || n > uint64(math.MaxInt64/u.bytes) {
			return 0, wrong
		}
		return ByteSize(n) * u.bytes, nil
	}
	return 0, wrong
}

// String writes the size with the largest unit that leaves a whole number.
func (s ByteSize) String() string {
	for _, u := range sizeUnits {
		if s%u.bytes == 0 && (s != 0 || u.bytes == 1) {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return "" // unreachable: the last unit divides everything
}

const day = 24 * time.Hour

// ParseDuration reads what time.ParseDuration reads, and whole days: "30d". A
// negative duration and a number without a unit are refused.
func ParseDuration(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is not a duration: write a number with a unit, such as 90s, 15m, 24h or 30d", text)
	if digits, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > uint64(math.MaxInt64/day) {
			return 0, wrong
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || text == "0" {
		return 0, wrong
	}
	return d, nil
}

// formatDuration writes a duration as an operator would: whole days where it
// can, and no "0m0s" at the end.
func formatDuration(d time.Duration) string {
	if d > 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
