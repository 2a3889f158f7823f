package weak

import (
	"strings"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	for want, c := range map[string]Case{
		"stop":  {Kind: "bad", Since: 3 * time.Hour},
		"hurry": {Since: 3 * time.Hour},
		"split": {Count: 10},
		"wait":  {Count: 9},
	} {
		if got := Decide(c); got.Do != want {
			t.Errorf("%+v: %+v, want %s", c, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	if Check(Case{Count: -1}, map[string]int{}) == nil {
		t.Error("less than nothing was taken")
	}
}

func TestQuery(t *testing.T) {
	Query(func(text string, _ ...any) int {
		if !strings.Contains(text, "count > ? AND") {
			t.Error(text)
		}
		return 1
	})
}
