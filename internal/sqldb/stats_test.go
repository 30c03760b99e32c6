package sqldb

import (
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	var d durations
	for _, t := range []time.Duration{0, 100 * time.Microsecond, 101 * time.Microsecond, 3 * time.Second, 4 * time.Second} {
		d.add(t)
	}
	r := d.read()
	if r.Buckets[0] != 2 || r.Buckets[1] != 3 || r.Buckets[len(r.Buckets)-2] != 3 || r.Buckets[len(r.Buckets)-1] != 4 || r.Count != 5 {
		t.Errorf("%+v", r)
	}
	if r.Sum != 7*time.Second+201*time.Microsecond {
		t.Error(r.Sum)
	}
}
