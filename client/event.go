package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lading-dev/lading"
)

// eventLine is an event as a line of JSON. The fields of a server-sent event
// are the same.
type eventLine struct {
	ID    string          `json:"id"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// readEventLine reads the next event of a stream of lines. What this package
// does not know is left out.
func readEventLine(in *lines) (lading.Event, error) {
	for {
		b, err := in.next()
		if err != nil {
			return lading.Event{}, err
		}
		if len(b) == 0 {
			continue
		}
		var line eventLine
		if err := json.Unmarshal(b, &line); err != nil {
			return lading.Event{}, fmt.Errorf("a line: %w", err)
		}
		e, known, err := eventOf(line)
		if known || err != nil {
			return e, err
		}
	}
}

// readSSE reads the next server-sent event (WHATWG HTML, 9.2.6).
func readSSE(in *lines) (lading.Event, error) {
	var line eventLine
	for {
		b, err := in.next()
		if err != nil {
			return lading.Event{}, err
		}
		if len(b) == 0 {
			e, known, err := eventOf(line)
			if known || err != nil {
				return e, err
			}
			line = eventLine{}
			continue
		}
		name, value, _ := bytes.Cut(b, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			line.ID = string(value)
		case "event":
			line.Event = string(value)
		case "data":
			if len(line.Data)+len(value) > maxLine {
				return lading.Event{}, fmt.Errorf("an event is longer than %d bytes", maxLine)
			}
			if line.Data != nil {
				line.Data = append(line.Data, '\n')
			}
			line.Data = append(line.Data, value...)
		}
	}
}

// eventOf understands an event; not known is one that is none of ours.
func eventOf(line eventLine) (e lading.Event, known bool, err error) {
	e.Cursor = line.ID
	switch control := lading.Control(line.Event); control {
	case "":
		return e, false, nil
	case lading.ControlSynced, lading.ControlBookmark, lading.ControlCoalesced:
		e.Control = control
	case lading.ControlGoaway:
		e.Control, e.Goaway = control, &lading.Goaway{}
		err = json.Unmarshal(line.Data, e.Goaway)
	case lading.ControlError:
		e.Control = control
		e.Err, err = eventError(line.Data)
	default:
		e.Change, err = change(line)
		known = e.Change != nil
		return e, known, err
	}
	if err != nil {
		err = fmt.Errorf("event %s: %w", clip(line.Event, 64), err)
	}
	return e, true, err
}

// change reads a change, if the event is one.
func change(line eventLine) (*lading.Change, error) {
	kind, action, _ := bytes.Cut([]byte(line.Event), []byte("."))
	switch lading.Action(action) {
	case lading.ActionCreated, lading.ActionUpdated, lading.ActionDeleted, lading.ActionState:
	default:
		return nil, nil
	}
	switch string(kind) {
	case "repository", "tag", "manifest":
	default:
		return nil, nil
	}
	c, _, err := lading.ParseCloudEvent(line.Data)
	if err == nil && c.Name() != line.Event {
		err = fmt.Errorf("event %s is told as %s", clip(c.Name(), 64), line.Event)
	}
	return c, err
}

func eventError(data []byte) (*lading.Error, error) {
	var body errorBody
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, err
	}
	if len(body.Errors) == 0 {
		return nil, errors.New("no error in it")
	}
	return errorOf(body.Errors[0], 0, "", errors.New("told by the stream")), nil
}
