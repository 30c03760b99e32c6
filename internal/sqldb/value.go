package sqldb

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// toValue makes of an argument what both engines bind alike: int64, float64,
// string, non-nil []byte or nil.
func toValue(arg any) (driver.Value, error) {
	switch v := arg.(type) {
	case nil, int64, string, float64:
		return v, nil
	case int:
		return int64(v), nil
	case []byte:
		if v == nil {
			return nil, nil
		}
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case driver.Valuer:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return nil, nil
		}
		inner, err := v.Value()
		if err != nil {
			return nil, err
		}
		return toValue(inner)
	}
	return reflectValue(reflect.ValueOf(arg))
}

func reflectValue(v reflect.Value) (driver.Value, error) {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("argument %d is more than 64 signed bits hold", v.Uint())
		}
		return int64(v.Uint()), nil
	case reflect.Bool:
		return toValue(v.Bool())
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return toValue(v.Elem().Interface())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return toValue(v.Bytes())
		}
	}
	return nil, fmt.Errorf("argument of type %s is not supported", v.Type())
}

// fromValue stores a value that SQLite returned in dest. Byte slices are the
// caller's own already.
func fromValue(dest any, v driver.Value) error {
	switch d := dest.(type) {
	case *int64:
		if x, ok := v.(int64); ok {
			*d = x
			return nil
		}
	case *string:
		if x, ok := v.(string); ok {
			*d = x
			return nil
		}
	case *[]byte:
		switch x := v.(type) {
		case []byte:
			if *d = x; x == nil { // the driver's way to return no bytes, not NULL
				*d = []byte{}
			}
			return nil
		case string:
			*d = []byte(x)
			return nil
		case nil:
			*d = nil
			return nil
		}
	case *any:
		*d = v
		return nil
	case sql.Scanner:
		return d.Scan(v)
	}
	rv := reflect.ValueOf(dest)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("destination %T is not a pointer", dest)
	}
	return assign(rv.Elem(), v)
}

// assign stores v in dest by kind.
func assign(dest reflect.Value, v driver.Value) error {
	if dest.Kind() == reflect.Pointer {
		if v == nil {
			dest.SetZero()
			return nil
		}
		dest.Set(reflect.New(dest.Type().Elem()))
		return fromValue(dest.Interface(), v)
	}
	switch x := v.(type) {
	case int64:
		return assignInt(dest, x)
	case float64:
		if dest.CanFloat() {
			dest.SetFloat(x)
			return nil
		}
	case string:
		return assignText(dest, []byte(x), v)
	case []byte:
		return assignText(dest, x, v)
	case nil:
		if isBytes(dest) {
			dest.SetZero()
			return nil
		}
		return fmt.Errorf("cannot scan NULL into %s", dest.Type())
	}
	return cannot(dest, v)
}

func assignInt(dest reflect.Value, x int64) error {
	switch {
	case dest.CanInt() && !dest.OverflowInt(x):
		dest.SetInt(x)
	case dest.CanUint() && x >= 0 && !dest.OverflowUint(uint64(x)):
		dest.SetUint(uint64(x))
	case dest.Kind() == reflect.Bool && (x == 0 || x == 1):
		dest.SetBool(x == 1)
	case dest.CanFloat():
		dest.SetFloat(float64(x))
	case dest.Kind() == reflect.String:
		dest.SetString(strconv.FormatInt(x, 10))
	default:
		return cannot(dest, x)
	}
	return nil
}

func assignText(dest reflect.Value, b []byte, v driver.Value) error {
	switch {
	case dest.Kind() == reflect.String:
		dest.SetString(string(b))
	case isBytes(dest):
		dest.SetBytes(b)
	default:
		return cannot(dest, v)
	}
	return nil
}

func isBytes(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8
}

func cannot(dest reflect.Value, v driver.Value) error {
	return fmt.Errorf("cannot scan %T into %s", v, dest.Type())
}
