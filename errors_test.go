package lading

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorIs(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("operation: %w", ErrNameUnknown.With("no %s", "a/b").WithDetail(1).Wrap(cause))
	if !errors.Is(err, ErrNameUnknown) || !errors.Is(err, cause) || errors.Is(err, ErrBlobUnknown) {
		t.Errorf("%v is not what it is", err)
	}
	got := AsError(err)
	if got.Message != "no a/b" || got.Detail != 1 || got.Err != cause {
		t.Errorf("%+v", got)
	}
	if ErrNameUnknown.Message == "no a/b" || ErrNameUnknown.Err != nil || ErrNameUnknown.Detail != nil {
		t.Error("a sentinel was changed")
	}
	if other := AsError(cause); other.Code != CodeInternal || !errors.Is(other, cause) || strings.Contains(other.Message, "cause") {
		t.Errorf("an unknown error is %+v", other)
	}
	if d, ok := InvalidParameter("n", "at most %d", 3).Detail.(ParameterDetail); !ok || d != (ParameterDetail{"n", "at most 3"}) {
		t.Errorf("detail %+v", d)
	}
}
