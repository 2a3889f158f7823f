package age

import (
	"archive/zip"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	hour   = 3600 // seconds
	day    = 24 * hour
	ninety = 90 * day
)

// zone is one of the IANA database, as the Go toolchain ships it.
type zone struct {
	name string
	loc  *time.Location
}

// zones are all of them, links as well, by name.
func zones(t *testing.T) []zone {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	var all []zone
	for _, f := range z.File {
		if !f.FileInfo().IsDir() {
			all = append(all, zone{f.Name, location(t, f)})
		}
	}
	slices.SortFunc(all, func(a, b zone) int { return strings.Compare(a.name, b.name) })
	return all
}

func location(t *testing.T, f *zip.File) *time.Location {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	loc, err := time.LoadLocationFromTZData(f.Name, data)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// shift is how many seconds the zone's clocks are ahead of UTC at unix.
func (z zone) shift(unix int64) int64 {
	_, s := time.Unix(unix, 0).In(z.loc).Zone()
	return int64(s)
}

// date is the civil date of a count of seconds since 1970, in integers alone: the product's calendar is not asked. The
// year begins in March, so that a leap day is its last (Euclidean affine form of the Gregorian calendar).
func date(seconds int64) string {
	days := floor(seconds, day) + 719468 // from 0000-03-01
	era := floor(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d, m, y := doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if m > 12 {
		m, y = m-12, y+1
	}
	return fmt.Sprintf("%04d-%02d-%02d", y, m, d)
}

// stamp is the RFC 3339 form of a moment on a clock that is shift seconds ahead of UTC. Offsets are whole minutes there.
func stamp(unix, shift int64) string {
	local := unix + shift
	of, sign := local-floor(local, day)*day, '+'
	if shift < 0 {
		sign = '-'
	}
	ahead := max(shift, -shift)
	return fmt.Sprintf("%sT%02d:%02d:%02d%c%02d:%02d", date(local), of/hour, of%hour/60, of%60, sign, ahead/hour, ahead%hour/60)
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// The oracle's own calendar, against days that everybody can look up.
func TestCalendar(t *testing.T) {
	for unix, want := range map[int64]string{0: "1970-01-01", -1: "1969-12-31", 1709164800: "2024-02-29", 1709251200: "2024-03-01",
		1767225599: "2025-12-31", 1767225600: "2026-01-01", 1977436799: "2032-08-29", 4107542400: "2100-03-01"} {
		if got := date(unix); got != want {
			t.Errorf("%d: %s, want %s", unix, got, want)
		}
	}
	if got := stamp(1767225600, -9*hour-1800); got != "2025-12-31T14:30:00-09:30" {
		t.Error(got)
	}
}
