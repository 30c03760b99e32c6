package config

import (
	"strings"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	for text, want := range map[string]Rate{
		"off": {}, "100/s": {100, time.Second, 100}, "1/m": {1, time.Minute, 1}, "100/h burst 7": {100, time.Hour, 7},
		"1000000/s burst 5": {1_000_000, time.Second, 5},
	} {
		got, err := ParseRate(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v %q %v", text, got, got.String(), err)
		}
	}
	for _, text := range []string{"", "0/s", "10", "10/", "/s", "-1/s", "10/d", "1.5/s", "10/s burst", "10/s burst 0", "10/s up to 5", "10/s burst 5 more", "Off", "1e3/s"} {
		if r, err := ParseRate(text); err == nil {
			t.Errorf("%q is %+v", text, r)
		}
	}
	if got := (Rate{Count: 30, Per: time.Minute, Burst: 1}).PerSecond(); got != 0.5 {
		t.Errorf("30/m is %v a second", got)
	}
	if got := (Rate{}).PerSecond(); got != 0 {
		t.Errorf("off is %v a second", got)
	}
}

func TestRatesOutOfBounds(t *testing.T) {
	for text, good := range map[string]bool{
		"off": true, "1000000/s": true, "2000000/s": false, "1/h burst 720": true, "1/h burst 721": false, "1/h burst 2000000000": false,
	} {
		c := Default()
		c.Limits.Rates.Sync, _ = ParseRate(text)
		err := c.Check()
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "limits.rates.sync") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, n := range []int{0, 1_000_001} {
		c := Default()
		c.Limits.HeldPerCaller, c.Limits.HeldPerAddress = n, n
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "held_per_caller") || !strings.Contains(err.Error(), "held_per_address") {
			t.Errorf("%d: %v", n, err)
		}
	}
}
