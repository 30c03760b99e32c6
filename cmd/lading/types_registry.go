package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/cli"
)

const (
	typesTime   = 30 * time.Second
	typesAnswer = 64 << 20 // bytes of an answer that are read
)

// ask sends a request about definitions or policies and returns the body of the
// answer.
func (f *typesFlags) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	if f.registry == "" {
		return nil, &failure{errors.New("say which registry, with --registry HOST"), exitUsage}
	}
	client, address, err := f.conn.Open(f.registry)
	if err != nil {
		return nil, cli.Told(f.registry, err)
	}
	ctx, cancel := context.WithTimeout(ctx, typesTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address+"/v2/_lading/types/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, cli.Told(f.registry, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, typesAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode >= 300 {
		return nil, refusalOf(resp, answer)
	}
	return answer, nil
}

// read asks for a JSON document.
func (f *typesFlags) read(ctx context.Context, path string, into any) error {
	body, err := f.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answers something else than lading would: %w", f.registry, err)
	}
	return nil
}

// put sends what a file says. Mistakes that the registry finds are told as if
// they had been found here.
func (f *typesFlags) put(ctx context.Context, path, file string, body []byte) error {
	_, err := f.ask(ctx, http.MethodPut, path, body)
	var no *refusal
	if err == nil || errors.As(err, &no) && len(no.mistakes) > 0 {
		if err != nil {
			err = no.in(file)
		}
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// refusal is what the registry said, for a person.
type refusal struct {
	code            int // the status
	status, message string
	mistakes        arttype.Mistakes
}

func (r *refusal) Error() string {
	if r.message == "" {
		return "the registry answers " + r.status
	}
	return "the registry answers " + r.status + ": " + r.message
}

// in tells the mistakes, which are of a file.
func (r *refusal) in(file string) error {
	for i := range r.mistakes {
		r.mistakes[i].File = file
	}
	return r.mistakes
}

func refusalOf(resp *http.Response, answer []byte) error {
	var said struct {
		Errors []struct {
			Code, Message string
			Detail        json.RawMessage
		}
	}
	if json.Unmarshal(answer, &said) != nil || len(said.Errors) == 0 {
		return &refusal{code: resp.StatusCode, status: resp.Status}
	}
	r := &refusal{code: resp.StatusCode, status: resp.Status, message: said.Errors[0].Message}
	if said.Errors[0].Code != string(lading.CodeTypeInvalid) || json.Unmarshal(said.Errors[0].Detail, &r.mistakes) != nil {
		r.mistakes = nil // a detail of another kind
	}
	return r
}
