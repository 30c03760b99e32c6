package limit

// Hold counts a stream or a held delta of the caller, until release is called,
// once. Not ok means that as many are open as may be, of the caller or of the
// address; there is nothing to release then.
func (l *Limiter) Hold(c Caller) (release func(), ok bool) {
	at, far := addressOf(c.Address)
	now := l.now()
	if far && !l.places.hold(at, now, l.opt.HeldByAddress) {
		l.unheld.Add(1)
		return nil, false
	}
	switch {
	case c.Subject != "":
		ok = l.subjects.hold(c.Subject, now, l.opt.HeldByCaller)
	case far:
		ok = l.addresses.hold(at, now, l.opt.HeldByCaller)
	default:
		return func() {}, true
	}
	if !ok {
		l.unheld.Add(1)
		if far {
			l.places.release(at)
		}
		return nil, false
	}
	return func() { l.release(c.Subject, at, far) }, true
}

func (l *Limiter) release(subject string, at address, far bool) {
	if far {
		l.places.release(at)
	}
	if subject != "" {
		l.subjects.release(subject)
	} else {
		l.addresses.release(at)
	}
}

// Figures are for metrics.
type Figures struct {
	Refused [Classes]int64 // requests, since the start
	// Unheld are the streams and held deltas that were refused.
	Unheld int64
	// Subjects and Addresses are how many callers are remembered; Addresses are
	// of callers who are not signed in, Places of those who are.
	Subjects, Addresses, Places int
	// Debtors are those callers, signed in or not, who owe rows.
	Debtors int
}

// Figures counts, and forgets callers of whom there is nothing to remember.
func (l *Limiter) Figures() (f Figures) {
	for i := range f.Refused {
		f.Refused[i] = l.refused[i].Load()
	}
	f.Unheld = l.unheld.Load()
	now := l.now()
	var subjects, addresses int
	f.Subjects, subjects = l.subjects.count(now)
	f.Addresses, addresses = l.addresses.count(now)
	f.Places, _ = l.places.count(now)
	f.Debtors = subjects + addresses
	return f
}
