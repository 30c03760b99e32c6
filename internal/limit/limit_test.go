package limit

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// clock is a clock that stands still.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newTest(opt Options) (*Limiter, *clock) {
	c := &clock{now: time.Unix(1_700_000_000, 0)}
	opt.Now = c.Now
	return New(opt), c
}

func only(class Class, perSecond float64, burst int) (out [Classes]Rate) {
	out[class] = Rate{perSecond, burst}
	return out
}

// taken is how many requests in a row need not wait, and how long the next has
// to.
func taken(l *Limiter, class Class, c Caller) (n int, wait time.Duration) {
	for ; n < 100_000; n++ {
		if q := l.Take(class, c); q.Wait > 0 {
			return n, q.Wait
		}
	}
	return n, 0
}

var (
	ada  = Caller{Subject: "user:ada", Address: "192.0.2.1:1000"}
	bob  = Caller{Subject: "user:bob", Address: "192.0.2.1:2000"}
	anon = Caller{Address: "192.0.2.1:3000"}
	here = Caller{Address: "127.0.0.1:4000"}
)

func TestABucketEmptiesAndFills(t *testing.T) {
	l, now := newTest(Options{Rates: only(Pull, 10, 5)})
	for _, who := range []Caller{ada, anon} {
		if n, wait := taken(l, Pull, who); n != 5 || wait != 100*time.Millisecond {
			t.Errorf("%v: %d at first, wait %v", who, n, wait)
		}
		now.add(300 * time.Millisecond)
		if n, _ := taken(l, Pull, who); n != 3 {
			t.Errorf("%v: %d after 300 ms", who, n)
		}
		now.add(time.Hour)
		if n, _ := taken(l, Pull, who); n != 5 {
			t.Errorf("%v: %d after an hour", who, n)
		}
	}
	if n, _ := taken(l, Push, ada); n != 100_000 {
		t.Errorf("of a class without a bound: %d", n)
	}
	if f := l.Figures(); f.Refused[Pull] != 6 || f.Refused[Push] != 0 {
		t.Errorf("refused %v", f.Refused)
	}
}

func TestWhatIsLeft(t *testing.T) {
	l, _ := newTest(Options{Rates: only(Pull, 10, 5)})
	for want := 4; want >= 0; want-- {
		if q := l.Take(Pull, ada); q.Left != want || !q.Bounded {
			t.Errorf("%+v, want %d left", q, want)
		}
	}
	if q := l.Take(Pull, bob); q.Left != 4 {
		t.Errorf("what ada has taken is bob's loss: %+v", q)
	}
	if q := l.Take(Pull, here); q.Bounded {
		t.Errorf("of this machine: %+v", q)
	}
}

func TestAnAddressIsSharedTenfold(t *testing.T) {
	l, _ := newTest(Options{Rates: only(Pull, 10, 5)})
	taken(l, Pull, anon)
	total, last := 0, Quota{}
	for i := range 100 {
		who := Caller{Subject: fmt.Sprint("user:", i), Address: "192.0.2.1:1"}
		if last = l.Take(Pull, who); last.Wait == 0 {
			total++
		}
	}
	if total != 5*Shared {
		t.Errorf("%d of one address, want %d", total, 5*Shared)
	}
	if last.Wait != 10*time.Millisecond || last.Bounded || last.Left != 0 {
		t.Errorf("what others took: %+v", last)
	}
	if n, _ := taken(l, Pull, Caller{Subject: "user:0", Address: "192.0.2.2:1"}); n != 4 {
		t.Errorf("elsewhere: %d, want what is left of the caller's own", n)
	}
}

func TestAddresses(t *testing.T) {
	for _, same := range [][2]string{
		{"192.0.2.1:1", "192.0.2.1:2"}, {"192.0.2.1:1", "[::ffff:192.0.2.1]:2"}, {"192.0.2.1", "192.0.2.1:1"},
		{"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:1"}, {"[fe80::1%eth0]:1", "[fe80::2%eth1]:1"}, {"@", "nonsense"},
	} {
		a, farA := addressOf(same[0])
		b, farB := addressOf(same[1])
		if a != b || !farA || !farB {
			t.Errorf("%v: %v %v", same, a, b)
		}
	}
	for _, other := range [][2]string{{"192.0.2.1:1", "192.0.2.2:1"}, {"[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1"}, {"@", "192.0.2.1:1"}} {
		a, _ := addressOf(other[0])
		if b, _ := addressOf(other[1]); a == b {
			t.Errorf("%v are one", other)
		}
	}
	for _, local := range []string{"127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"} {
		if _, far := addressOf(local); far {
			t.Errorf("%s is far", local)
		}
	}
}

func TestThisMachineHasNoAddressBound(t *testing.T) {
	l, _ := newTest(Options{Rates: only(Pull, 10, 5), HeldByAddress: 1, HeldByCaller: 1})
	if n, _ := taken(l, Pull, here); n != 100_000 {
		t.Errorf("%d", n)
	}
	if n, _ := taken(l, Pull, Caller{Subject: "user:ada", Address: here.Address}); n != 5 {
		t.Errorf("who signs in there: %d", n)
	}
	for range 3 {
		if _, ok := l.Hold(here); !ok {
			t.Error("may not hold")
		}
	}
}

func TestDebt(t *testing.T) {
	l, now := newTest(Options{Rates: only(Sync, 1000, 10_000)})
	wait := func(cursor bool) time.Duration { return l.Owes(ada, cursor).Wait }
	l.Charge(ada, 10_000)
	if wait(false) != 0 {
		t.Errorf("all that there is: wait %v", wait(false))
	}
	l.Charge(ada, 5000)
	if wait(false) != 5*time.Second || wait(true) != 0 {
		t.Errorf("5000 rows more: wait %v, with a cursor %v", wait(false), wait(true))
	}
	l.Charge(ada, 6000)
	if wait(false) != 11*time.Second || wait(true) != time.Second {
		t.Errorf("11000 rows more: wait %v, with a cursor %v", wait(false), wait(true))
	}
	if f := l.Figures(); f.Debtors != 1 || f.Refused[Sync] == 0 {
		t.Errorf("%+v", f)
	}
	now.add(11 * time.Second)
	if wait(false) != 0 {
		t.Errorf("11 s later: wait %v", wait(false))
	}
	for range 3 {
		l.Charge(ada, 1<<62)
	}
	if wait(false) != MaxDebt {
		t.Errorf("without bound: wait %v", wait(false))
	}
	if q := l.Owes(bob, false); q.Wait != 0 && q.Bounded {
		t.Errorf("ada's debt is bob's: %+v", q)
	}
	if now.add(MaxDebt + time.Hour); l.Figures().Subjects != 0 {
		t.Errorf("who owes nothing is remembered: %+v", l.Figures())
	}
}

// TestSlowDebt has a bucket that needs longer to fill than a debt may last.
func TestSlowDebt(t *testing.T) {
	l, now := newTest(Options{Rates: only(Sync, 1, 3600)})
	l.Charge(ada, 3600+200)
	if l.Owes(ada, false).Wait != 200*time.Second || l.Owes(ada, true).Wait != 0 {
		t.Errorf("200 s: %v, with a cursor %v", l.Owes(ada, false), l.Owes(ada, true))
	}
	l.Charge(ada, 10_000)
	if l.Owes(ada, false).Wait != MaxDebt || l.Owes(ada, true).Wait != MaxDebt/2 {
		t.Errorf("the longest: %v, with a cursor %v", l.Owes(ada, false), l.Owes(ada, true))
	}
	if now.add(MaxDebt / 2); l.Owes(ada, true).Wait != 0 {
		t.Errorf("half of it later: %v", l.Owes(ada, true))
	}
}

func TestHold(t *testing.T) {
	l, _ := newTest(Options{HeldByCaller: 2, HeldByAddress: 3})
	hold := func(c Caller, want bool) func() {
		t.Helper()
		release, ok := l.Hold(c)
		if ok != want {
			t.Errorf("%v: %v", c, ok)
		}
		return release
	}
	first := hold(ada, true)
	hold(ada, true)
	hold(ada, false)
	second := hold(bob, true)
	hold(anon, false) // the address has three
	first()
	hold(anon, true)
	hold(anon, false)
	second()
	hold(anon, true)
	hold(anon, false)
	hold(Caller{Subject: "user:ada", Address: "192.0.2.9:1"}, true)
	if f := l.Figures(); f.Unheld != 4 || f.Subjects == 0 {
		t.Errorf("%+v", f)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const callers = 640
	l, now := newTest(Options{Rates: only(Pull, 1, 100), HeldByCaller: 1, Callers: callers})
	bob := Caller{Subject: "user:bob", Address: here.Address} // whose own bucket alone counts
	if _, ok := l.Hold(ada); !ok {
		t.Fatal("may not hold")
	}
	for i := range 20 * callers {
		l.Take(Pull, Caller{Subject: fmt.Sprint("user:", i), Address: here.Address})
		l.Take(Pull, Caller{Address: fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)})
		if i%100 == 0 { // bob comes all the time, so others are forgotten before him
			for range 10 {
				l.Take(Pull, bob)
			}
		}
	}
	if f := l.Figures(); f.Subjects > callers || f.Subjects < callers/2 || f.Addresses > callers {
		t.Errorf("%+v", f)
	}
	if _, ok := l.Hold(ada); ok {
		t.Error("who holds something was forgotten")
	}
	if n, _ := taken(l, Pull, bob); n > 0 {
		t.Errorf("who comes all the time was forgotten: %d more", n)
	}
	now.add(time.Hour)
	if f := l.Figures(); f.Subjects != 1 || f.Addresses != 0 {
		t.Errorf("after an hour: %+v", f)
	}
}

// TestIdleGoAsOthersCome has callers of whom there is nothing to remember make
// room without anybody asking for figures.
func TestIdleGoAsOthersCome(t *testing.T) {
	l, now := newTest(Options{Rates: only(Pull, 1, 100)})
	for i := range 5000 {
		l.Take(Pull, Caller{Subject: fmt.Sprint("user:", i)})
		now.add(10 * time.Millisecond)
	}
	n := 0
	for i := range l.subjects.shard {
		n += len(l.subjects.shard[i].by)
	}
	if n > 300 {
		t.Errorf("%d callers are remembered, of whom 100 are not idle", n)
	}
}

// TestTogether has many callers at once take and hold, and counts.
func TestTogether(t *testing.T) {
	l, _ := newTest(Options{Rates: [Classes]Rate{Pull: {1, 1000}, Sync: {1, 1000}}, HeldByCaller: 3, Callers: 1 << 12})
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 8 {
		wg.Go(func() {
			mine := map[string]int{}
			for range 5000 {
				c := Caller{Subject: fmt.Sprint("user:", rand.N(4)), Address: here.Address}
				if l.Take(Pull, c).Wait == 0 {
					mine[c.Subject]++
				}
				l.Charge(c, 1)
				l.Owes(c, false)
				if release, ok := l.Hold(c); ok {
					release()
				}
				l.Take(Pull, Caller{Address: fmt.Sprintf("10.0.%d.%d:1", rand.N(256), rand.N(256))})
			}
			l.Figures()
			mu.Lock()
			defer mu.Unlock()
			for k, n := range mine {
				got[k] += n
			}
		})
	}
	wg.Wait()
	for who, n := range got {
		if n != 1000 {
			t.Errorf("%s took %d of 1000", who, n)
		}
	}
	for i := range 4 {
		for n := range 4 {
			if _, ok := l.Hold(Caller{Subject: fmt.Sprint("user:", i), Address: here.Address}); ok != (n < 3) {
				t.Errorf("user %d, held %d: %v", i, n, ok)
			}
		}
	}
}

func TestTakingAllocatesNothing(t *testing.T) {
	l, _ := newTest(Options{Rates: only(Pull, 1e6, 1e6)})
	l.Take(Pull, ada)
	if n := testing.AllocsPerRun(100, func() { l.Take(Pull, ada) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTake(b *testing.B) {
	for name, who := range map[string]Caller{"signedIn": ada, "anonymous": anon} {
		b.Run(name, func(b *testing.B) {
			l := New(Options{Rates: only(Pull, 1e6, 1e6)})
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					l.Take(Pull, who)
				}
			})
		})
	}
	b.Run("many", func(b *testing.B) {
		l := New(Options{Rates: only(Pull, 1e6, 1e6)})
		names := make([]Caller, 1024)
		for i := range names {
			names[i] = Caller{Subject: fmt.Sprint("user:", i), Address: fmt.Sprintf("10.0.%d.%d:1", i>>8, i&255)}
		}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l.Take(Pull, names[rand.N(1024)])
			}
		})
	})
}
