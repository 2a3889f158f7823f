package rotator

import (
	"os"
	"reflect"
	"testing"
	"time"
	"unsafe"
)

// settings are the worlds that are searched.
func settings() []*setting {
	day := 24 * time.Hour
	return []*setting{
		{name: "routine", begin: adopted, old: 80 * day},
	}
}

// adopted: pair 1 is everywhere, and the ledger knows it.
func adopted(m *model, s *mState) {
	everywhere(m, s)
	s.pairs[0].life, s.row.old = indexOf(m.lives, Current), 1
}

// everywhere: pair 1 is in every place and used by everybody.
func everywhere(m *model, s *mState) {
	s.pairs[0].truth = mAlive
	for i := range m.sp.Places {
		s.places[i] = 1
	}
	for i := range m.sp.Consumers {
		s.apps[i] = mApp{holds: 1, started: true}
	}
}

// TestModelState: the digest reads the struct's bytes, so it must have no padding.
func TestModelState(t *testing.T) {
	if n := sizeOf(reflect.TypeFor[mState]()); n != unsafe.Sizeof(mState{}) {
		t.Fatalf("%d bytes of fields in %d", n, unsafe.Sizeof(mState{}))
	}
	t.Logf("%d bytes", unsafe.Sizeof(mState{}))
}

func sizeOf(typ reflect.Type) uintptr {
	switch typ.Kind() {
	case reflect.Struct:
		var n uintptr
		for i := range typ.NumField() {
			n += sizeOf(typ.Field(i).Type)
		}
		return n
	case reflect.Array:
		return uintptr(typ.Len()) * sizeOf(typ.Elem())
	}
	return typ.Size()
}

func TestModelSearch(t *testing.T) {
	for _, set := range settings() {
		se := &search{set: set, luck: 1, again: 1, most: 300000, workers: 2, say: t.Logf}
		if os.Getenv("QUARTERTURN_MODEL") != "" {
			se.luck, se.most = 2, 3_000_000
		}
		began := time.Now()
		se.run()
		t.Logf("%s: %d states, %d transitions, depth %d, widest %d, cut %v, %v", set.name, se.states, se.moves, se.depth, se.widest, se.cut, time.Since(began))
		if se.wrong != nil {
			for _, line := range se.trace() {
				t.Log(line)
			}
			t.Fail()
		}
	}
}
