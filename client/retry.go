package client

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// How long to wait before a request is sent again: at first, and at most where
// the registry does not say.
const (
	firstWait = 200 * time.Millisecond
	mostWait  = 10 * time.Second
)

// retry tells whether a request that failed is to be sent again, and when.
func (c *Client) retry(r *request, err error, attempt int) (time.Duration, bool) {
	if attempt >= c.opt.Retries || !mayRetry(r.again, err) {
		return 0, false
	}
	wait := jitter(min(firstWait<<min(attempt, 10), mostWait))
	var answer *ResponseError
	if errors.As(err, &answer) && answer.RetryAfter > 0 {
		if answer.RetryAfter > c.opt.MaxRetryWait {
			return 0, false
		}
		wait += answer.RetryAfter
	}
	return wait, true
}

// mayRetry tells whether the failure is one that passes, and whether sending
// again does no harm.
func mayRetry(again harm, err error) bool {
	var answer *ResponseError
	if errors.As(err, &answer) {
		switch answer.Status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			return again != never // refused, not carried out
		case http.StatusBadGateway, http.StatusGatewayTimeout:
			return again == none
		}
		return false
	}
	var certificate *CertificateError
	if errors.As(err, &certificate) {
		return false // it will be the same
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true // it never left
	}
	return again == none && isNetwork(err)
}

// isNetwork tells whether the failure is of the connection, rather than of
// what came over it.
func isNetwork(err error) bool {
	var n net.Error
	return errors.As(err, &n) || isCut(err)
}
