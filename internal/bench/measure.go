package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// times are the durations of many requests.
type times []time.Duration

// at is the p-th part of the sorted times.
func (t times) at(p float64) time.Duration { return t[int(float64(len(t)-1)*p)] }

// measure runs f count times from callers goroutines and prints a line.
func measure(label string, callers, count int, f func(i int) error) error {
	var (
		next  atomic.Int64
		wg    sync.WaitGroup
		mu    sync.Mutex
		all   times
		first error
	)
	began := time.Now()
	for range callers {
		wg.Go(func() {
			var own times
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					break
				}
				t := time.Now()
				if err := f(i); err != nil {
					mu.Lock()
					first = err
					mu.Unlock()
					break
				}
				own = append(own, time.Since(t))
			}
			mu.Lock()
			all = append(all, own...)
			mu.Unlock()
		})
	}
	wg.Wait()
	if first != nil {
		return fmt.Errorf("%s: %w", label, first)
	}
	took := time.Since(began)
	slices.Sort(all)
	fmt.Printf("%-52s %8.0f/s  p50 %8s  p99 %8s  max %8s\n", label, float64(len(all))/took.Seconds(), ms(all.at(.5)), ms(all.at(.99)), ms(all.at(1)))
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2fms", float64(d.Microseconds())/1000) }

// pace is how long the processors take for a fixed piece of work, a SHA-256 of 32
// MiB each. Those of virtual machines wander by a factor of two within minutes,
// and figures that were taken at another pace do not compare.
func pace() time.Duration {
	began := time.Now()
	var all sync.WaitGroup
	for range runtime.NumCPU() {
		all.Go(func() {
			b, h := make([]byte, 1<<20), sha256.New()
			for range 32 {
				h.Write(b)
			}
			h.Sum(nil)
		})
	}
	all.Wait()
	return time.Since(began)
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}

// do sends a request and returns the answer's header and body.
func do(req *http.Request, want ...int) (http.Header, []byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && !slices.Contains(want, resp.StatusCode) {
		err = fmt.Errorf("%s %s: %s: %.300s", req.Method, req.URL, resp.Status, body)
	}
	return resp.Header, body, err
}
