package lading

import (
	"context"
	"sync/atomic"
)

// A Meter counts the rows that are read to answer a caller. It counts those
// that the caller may see and nothing else, so that what is counted tells
// nothing of what is hidden. Its methods may be called from any number of
// goroutines, and of nil, which counts nothing.
type Meter struct{ rows atomic.Int64 }

// Add counts rows.
func (m *Meter) Add(rows int) {
	if m != nil && rows > 0 {
		m.rows.Add(int64(rows))
	}
}

// Take returns how many rows were counted since it was last called.
func (m *Meter) Take() int64 {
	if m == nil {
		return 0
	}
	return m.rows.Swap(0)
}

type meterKey struct{}

// WithMeter returns a context in which rows that are read are counted.
func WithMeter(ctx context.Context, m *Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

// MeterFrom returns where rows are counted; nil where nobody does.
func MeterFrom(ctx context.Context) *Meter {
	m, _ := ctx.Value(meterKey{}).(*Meter)
	return m
}
