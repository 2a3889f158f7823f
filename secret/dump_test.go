package secret_test

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

// dump walks everything reachable, unexported fields included, as debugging dumpers and test frameworks do. With
// methods it also asks what they ask: Error, String and GoString.
func dump(v any, methods bool) string {
	d := dumper{methods: methods, visited: map[unsafe.Pointer]bool{}}
	if v != nil {
		d.walk(addressable(reflect.ValueOf(v)))
	}
	return d.String()
}

type dumper struct {
	strings.Builder
	methods bool
	visited map[unsafe.Pointer]bool
}

// addressable copies v to where unexported fields can be reached by address.
func addressable(v reflect.Value) reflect.Value {
	at := reflect.New(v.Type()).Elem()
	at.Set(v)
	return at
}

func (d *dumper) walk(v reflect.Value) {
	fmt.Fprintf(d, "(%s) ", v.Type())
	if d.methods {
		d.ask(v)
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(v)
	case reflect.Pointer, reflect.Interface:
		d.follow(v)
	case reflect.Slice, reflect.Array:
		d.elements(v)
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			d.walk(addressable(entry.Key()))
			d.walk(addressable(entry.Value()))
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		fmt.Fprintf(d, "%#x\n", v.Pointer())
	default:
		fmt.Fprintf(d, "%v\n", v)
	}
}

func (d *dumper) fields(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		fmt.Fprintf(d, "%s: ", v.Type().Field(i).Name)
		d.walk(reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem())
	}
}

func (d *dumper) follow(v reflect.Value) {
	switch {
	case v.IsNil():
		fmt.Fprintln(d, "nil")
	case v.Kind() == reflect.Interface:
		d.walk(addressable(v.Elem()))
	case !d.visited[v.UnsafePointer()]:
		d.visited[v.UnsafePointer()] = true
		d.walk(v.Elem())
	}
}

func (d *dumper) elements(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		fmt.Fprint(d, hex.Dump(v.Bytes()))
		return
	}
	for i := range v.Len() {
		d.walk(v.Index(i))
	}
}

func (d *dumper) ask(v reflect.Value) {
	switch x := v.Interface().(type) {
	case error:
		fmt.Fprintln(d, safely(x.Error))
	case fmt.GoStringer:
		fmt.Fprintln(d, safely(x.GoString))
	case fmt.Stringer:
		fmt.Fprintln(d, safely(x.String))
	}
}

// safely survives methods of nil pointers.
func safely(f func() string) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = fmt.Sprint(r)
		}
	}()
	return f()
}

func raw(t *testing.T, digits string) string {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
