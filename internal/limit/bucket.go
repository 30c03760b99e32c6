package limit

import (
	"math"
	"time"
)

// A bucket is when it will be full, in nanoseconds since the limiter began:
// up to now it is full, and burst later it is empty (the generic cell rate
// algorithm). So one number is all of it, and time fills it.
type bucket int64

type buckets [Classes]bucket

// rate is a Rate in nanoseconds.
type rate struct {
	each  int64 // how long a token takes to come
	burst int64 // how long an empty bucket takes to be full
}

type rates [Classes]rate

// compile makes rates of so many callers together.
func compile(of [Classes]Rate, callers float64) (out rates) {
	for i, r := range of {
		if r.PerSecond > 0 {
			each := max(1, int64(math.Round(float64(time.Second)/(r.PerSecond*callers))))
			out[i] = rate{each: each, burst: each * int64(float64(max(r.Burst, 1))*callers)}
		}
	}
	return out
}

// op is what is done with a bucket.
type op struct {
	what   func(*bucket, int64, rate, op) (wait int64)
	class  Class
	rows   int64 // to charge
	cursor bool  // whether who owes has presented one
}

// take takes a token, or tells when there is one.
func take(b *bucket, now int64, r rate, _ op) (wait int64) {
	full := max(int64(*b), now) + r.each
	if wait = full - now - r.burst; wait > 0 {
		return wait
	}
	*b = bucket(full)
	return 0
}

// charge takes as many tokens as there are rows, whether they are there or not.
func charge(b *bucket, now int64, r rate, o op) int64 {
	most := now + r.burst + int64(MaxDebt)
	at := max(int64(*b), now)
	if o.rows >= (most-at)/r.each {
		*b = bucket(max(at, most))
	} else {
		*b = bucket(at + o.rows*r.each)
	}
	return 0
}

// owes tells when the bucket owes nothing any more, or, with a cursor, no more
// than it holds, and than what comes in half of the longest debt: else such a
// debt would never stop anybody.
func owes(b *bucket, now int64, r rate, o op) (wait int64) {
	may := r.burst
	if o.cursor {
		may += min(r.burst, int64(MaxDebt)/2)
	}
	return max(0, int64(*b)-now-may)
}

// left is how many tokens are in it.
func (b bucket) left(now int64, r rate) int {
	if r.each == 0 {
		return 0
	}
	return int(max(0, (now+r.burst-max(int64(b), now))/r.each))
}

// full tells whether all of them are, so that there is nothing to remember.
func (b *buckets) full(now int64) bool {
	for _, at := range b {
		if int64(at) > now {
			return false
		}
	}
	return true
}
