package server

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/httpapi"
	"github.com/lading-dev/lading/internal/limit"
	"github.com/lading-dev/lading/internal/telemetry"
)

// rateLimits is a limiter as the HTTP handler knows it.
type rateLimits struct {
	*limit.Limiter
	told func(auth.Outcome) // how an attempt to sign in went; nil where nobody counts
}

// newLimits makes the limiter that the configuration says. Its clock is the
// machine's, which does not go back. The metrics are nil where nobody reads
// them.
func newLimits(l config.Limits, metrics *prometheus.Registry) rateLimits {
	o := limit.Options{HeldByCaller: l.HeldPerCaller, HeldByAddress: l.HeldPerAddress}
	for class, r := range map[limit.Class]config.Rate{
		limit.Pull: l.Rates.Pull, limit.Push: l.Rates.Push, limit.List: l.Rates.List,
		limit.Sync: l.Rates.Sync, limit.SignIn: l.Rates.SignIn,
	} {
		o.Rates[class] = limit.Rate{PerSecond: r.PerSecond(), Burst: r.Burst}
	}
	made := rateLimits{Limiter: limit.New(o)}
	if metrics != nil {
		telemetry.Limits(metrics, made.Limiter)
		made.told = telemetry.SignIns(metrics)
	}
	return made
}

// signIns has attempts to sign in counted, and bounded for an address.
func (l rateLimits) signIns(o *auth.Options) {
	o.Told = l.told
	o.Attempt = func(address string) time.Duration {
		return l.Limiter.Take(limit.SignIn, limit.Caller{Address: address}).Wait
	}
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
