package server

import (
	"math"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/httpapi"
	"github.com/lading-dev/lading/internal/limit"
)

// rateLimits is a limiter as the HTTP handler knows it.
type rateLimits struct{ *limit.Limiter }

// newLimits makes the limiter that the configuration says. Its clock is the
// machine's, which does not go back.
func newLimits(l config.Limits) rateLimits {
	o := limit.Options{HeldByCaller: l.HeldPerCaller, HeldByAddress: l.HeldPerAddress}
	for class, r := range map[limit.Class]config.Rate{
		limit.Pull: l.Rates.Pull, limit.Push: l.Rates.Push, limit.List: l.Rates.List,
		limit.Sync: l.Rates.Sync, limit.SignIn: l.Rates.SignIn,
	} {
		o.Rates[class] = limit.Rate{PerSecond: r.PerSecond(), Burst: r.Burst}
	}
	return rateLimits{limit.New(o)}
}

// classes are those of the handler.
var classes = [...]limit.Class{httpapi.RatePull: limit.Pull, httpapi.RatePush: limit.Push, httpapi.RateList: limit.List, httpapi.RateSync: limit.Sync}

func (l rateLimits) Take(class httpapi.RateClass, subject, address string) httpapi.RateQuota {
	return quota(l.Limiter.Take(classes[class], limit.Caller{Subject: subject, Address: address}))
}

func (l rateLimits) Owes(subject, address string, cursor bool) httpapi.RateQuota {
	return quota(l.Limiter.Owes(limit.Caller{Subject: subject, Address: address}, cursor))
}

func (l rateLimits) Charge(subject, address string, rows int64) {
	l.Limiter.Charge(limit.Caller{Subject: subject, Address: address}, rows)
}

func (l rateLimits) Hold(subject, address string) (release func(), ok bool) {
	return l.Limiter.Hold(limit.Caller{Subject: subject, Address: address})
}

func (l rateLimits) Policy(class httpapi.RateClass) httpapi.RatePolicy {
	c := classes[class]
	r := l.Rate(c)
	if r.PerSecond == 0 {
		return httpapi.RatePolicy{}
	}
	return httpapi.RatePolicy{Name: c.String(), Quota: r.Burst, Window: max(1, int(math.Ceil(float64(r.Burst)/r.PerSecond)))}
}

func quota(q limit.Quota) httpapi.RateQuota {
	return httpapi.RateQuota{Wait: q.Wait, Own: q.Bounded, Left: q.Left}
}
