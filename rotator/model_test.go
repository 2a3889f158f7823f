package rotator

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"
)

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

// TestModelDecides: the model asks decide's rows one by one, to know which answered, and says what decide says: on the way on
// which all goes well in every setting, and wherever one more step leads off it.
func TestModelDecides(t *testing.T) {
	compared := 0
	for _, set := range settings() {
		m := newModel(set, nil)
		m.calm(m.first(0, 1), func(s *mState) bool {
			near := *s
			near.luck = 1
			m.next(&near, func(_ edge, to *mState) { compared += m.agrees(t, to) })
			return false
		})
	}
	t.Logf("%d moves compared", compared)
}

// agrees compares every look that s is ready for, and says how many.
func (m *model) agrees(t *testing.T, s *mState) int {
	all := m.ready(s)
	for _, grave := range all {
		st := stride{m: m, s: *s, was: s, grave: grave}
		st.row = m.rotation(s, st.stored())
		st.hear()
		st.learn()
		got, name := m.judge(view{sp: m.sp, r: st.row, s: st.seen, now: m.now})
		if want := decide(m.sp, st.row, st.seen, m.now); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %s answers\n%+v, and decide\n%+v in\n%s", m.setting.name, name, got, want, m.picture(s))
		}
	}
	return len(all)
}

// TestModel searches every setting. A fixed sample; QUARTERTURN_MODEL=all searches 10^7 states.
func TestModel(t *testing.T) {
	plan := sweep{most: []int{0, 2000}, every: 40}
	if os.Getenv("QUARTERTURN_MODEL") == "all" {
		plan = sweep{most: []int{0, 220_000, 120_000}, every: 500, full: true}
	}
	if n, err := strconv.Atoi(os.Getenv("QUARTERTURN_MODEL_STATES")); err == nil {
		plan.most = []int{0, n, n}
	}
	plan.run(t)
	plan.report(t)
}

// sweep is one run over all settings.
type sweep struct {
	most  []int // states of one setting, by luck
	every uint64
	full  bool

	states, moves, depth int
	settings, worlds     int
	hits                 map[key]map[string]int
	ends                 map[string]int
	began                time.Time
}

func (sw *sweep) run(t *testing.T) {
	sw.began, sw.hits, sw.ends = time.Now(), map[key]map[string]int{}, map[string]int{}
	all := settings()
	grounds := make([]*ground, len(all))
	for i, set := range all {
		first := slices.IndexFunc(all[:i+1], func(a *setting) bool { return sameWorld(a, set) })
		if grounds[first] == nil {
			grounds[first], sw.worlds = newGround(), sw.worlds+1
		}
		se := &search{set: set, again: 1, most: sw.most, workers: 2, every: sw.every, say: t.Logf, ground: grounds[first]}
		se.run()
		sw.add(se)
		end := "everything was seen"
		if len(se.cut) > 0 {
			end = fmt.Sprintf("cut with luck %v", se.cut)
		}
		t.Logf("%-48s %9d states %9d transitions, depth %3d, %s", set.name, se.states, se.moves, se.depth, end)
		if se.wrong != nil {
			t.Errorf("%s:\n%s", set.name, strings.Join(se.trace(), "\n"))
		}
	}
}

func (sw *sweep) add(se *search) {
	sw.settings++
	sw.states, sw.moves, sw.depth = sw.states+se.states, sw.moves+se.moves, max(sw.depth, se.depth)
	for end, n := range se.ends {
		sw.ends[end] += n
	}
	for _, m := range se.models {
		for k, rows := range m.rowsOf {
			if sw.hits[k] == nil {
				sw.hits[k] = map[string]int{}
			}
			for _, r := range rows {
				sw.hits[k][r.name] += *r.hits
			}
		}
	}
}

func (sw *sweep) summary(t *testing.T) {
	for _, end := range slices.Sorted(maps.Keys(sw.ends)) {
		t.Logf("calmed, %6d times: %s", sw.ends[end], end)
	}
	t.Logf("%d settings in %d worlds: %d distinct states, all of whose %d transitions were made, at most %d deep, in %v", sw.settings, sw.worlds,
		sw.states, sw.moves, sw.depth, time.Since(sw.began).Round(time.Second))
	if sw.full && sw.states < 10_000_000 {
		t.Errorf("%d states are fewer than 10^7", sw.states)
	}
}
