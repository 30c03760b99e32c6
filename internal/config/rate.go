package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how much one caller may do: so many in a time, and as many as Burst
// at once. The zero value is no bound.
type Rate struct {
	Count int
	Per   time.Duration // a second, a minute or an hour
	Burst int
}

var rateUnits = []struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}

// Off tells that there is no bound.
func (r Rate) Off() bool { return r.Count == 0 }

// PerSecond is the rate in a second.
func (r Rate) PerSecond() float64 {
	if r.Off() {
		return 0
	}
	return float64(r.Count) / r.Per.Seconds()
}

// ParseRate reads "100/h", or with how many may come at once "10/s burst 500",
// which is the number before the unit otherwise; "off" is no bound.
func ParseRate(text string) (Rate, error) {
	wrong := fmt.Errorf("%q is not a rate: write such as 100/s, 600/m or 5000/h, with how many may come at once where that is another number, "+
		"100/s burst 2000, or off", text)
	if text == "off" {
		return Rate{}, nil
	}
	words := strings.Fields(text)
	if len(words) != 1 && (len(words) != 3 || words[1] != "burst") {
		return Rate{}, wrong
	}
	count, unit, _ := strings.Cut(words[0], "/")
	n, err := strconv.ParseUint(count, 10, 31)
	r := Rate{Count: int(n), Burst: int(n)}
	for _, u := range rateUnits {
		if u.name == unit {
			r.Per = u.per
		}
	}
	if err == nil && len(words) == 3 {
		n, err = strconv.ParseUint(words[2], 10, 31)
		r.Burst = int(n)
	}
	if err != nil || r.Per == 0 || r.Count == 0 || r.Burst == 0 {
		return Rate{}, wrong
	}
	return r, nil
}

// String writes what ParseRate reads.
func (r Rate) String() string {
	if r.Off() {
		return "off"
	}
	text := ""
	for _, u := range rateUnits {
		if u.per == r.Per {
			text = strconv.Itoa(r.Count) + "/" + u.name
		}
	}
	if r.Burst != r.Count {
		text += " burst " + strconv.Itoa(r.Burst)
	}
	return text
}

// slowest is how long a rate may take until it allows all at once again.
const slowest = 30 * day

func (m *Mistakes) rates(r Rates) {
	for key, r := range map[string]Rate{"pull": r.Pull, "push": r.Push, "list": r.List, "sync": r.Sync, "sign_in": r.SignIn} {
		if r.Off() {
			continue
		}
		if s := r.PerSecond(); !(s <= 1e6) || float64(r.Burst)/s > slowest.Seconds() {
			m.add("limits.rates."+key, "%v is out of bounds: at most 1000000/s, and all of the burst again within 30d", r)
		}
	}
}

func rate(at func(*Config) *Rate) field { return parsed(at, ParseRate, Rate.String) }
