package dotenv

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// epochLine is the one comment that is ours: nothing before or behind it, and directly above an entry of ours.
var epochLine = regexp.MustCompile(`^# quarterturn: epoch ([1-9][0-9]{0,17})$`)

// epochAt is the epoch that piece i carries, 0 when it is no such line of ours.
func (d document) epochAt(i int) int64 {
	if d.pieces[i].name != "" || i+1 == len(d.pieces) || d.pieces[i+1].name == "" {
		return 0
	}
	hit := epochLine.FindStringSubmatch(d.pieces[i].before)
	if hit == nil {
		return 0
	}
	epoch, _ := strconv.ParseInt(hit[1], 10, 64)
	return epoch
}

// epoch is the highest there is, 0 for none.
func (d document) epoch() int64 {
	var epoch int64
	for i := range d.pieces {
		epoch = max(epoch, d.epochAt(i))
	}
	return epoch
}

// stamped is d under another epoch: the line that is there is changed, or one is put above the first entry of ours. 0
// leaves everything as it is, and so does a byte order mark, which must stay in front.
func (d document) stamped(epoch int64) document {
	if epoch <= 0 {
		return d
	}
	line, found := fmt.Sprintf("# quarterturn: epoch %d", epoch), false
	d.pieces = slices.Clone(d.pieces)
	for i := range d.pieces {
		if d.epochAt(i) > 0 {
			d.pieces[i].before, found = line, true
		}
	}
	first := slices.IndexFunc(d.pieces, func(p piece) bool { return p.name != "" })
	switch {
	case found:
	case first < 0:
		d.stamp = line
	case !strings.HasPrefix(d.pieces[first].before, "\ufeff"):
		d.pieces = slices.Insert(d.pieces, first, piece{before: line, end: d.eol})
	}
	return d
}
