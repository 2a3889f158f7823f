package main

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
)

const (
	letter     = 8.4 // px wide, in the picture's font
	lineHeight = 19
	margin     = 16
)

// picture draws what a terminal would show as an SVG: bold, faint, red, green and yellow are all that is used.
func picture(raw string) []byte {
	raw = regexp.MustCompile(`\x1b\[\?[0-9;]*[a-zA-Z]`).ReplaceAllString(strings.ReplaceAll(raw, "\r\n", "\n"), "")
	raw = overwritten(raw)
	lines := strings.Split(strings.TrimRight(raw, "\n"), "\n")
	height := 2*margin + lineHeight*len(lines)
	width := 2*margin + int(letter*columns)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" aria-label="a terminal">`+"\n",
		width, height, width)
	fmt.Fprintf(&b, `<style>text{font:14px "DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#d7dde3;white-space:pre}.b{font-weight:700}`+
		`.f{fill:#8b97a3}.r{fill:#ff7b72}.g{fill:#7ee787}.y{fill:#e3b341}</style>`+"\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="#11171d"/>`+"\n", width, height)
	pen := &pen{}
	for i, line := range lines {
		fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve">%s</text>`+"\n", margin, margin+14+i*lineHeight, pen.draw(line))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// pen is the style that the next characters have.
type pen struct{ classes []string }

func (p *pen) draw(line string) string {
	var b strings.Builder
	for line != "" {
		code := regexp.MustCompile(`\x1b\[([0-9;]*)m`).FindStringSubmatchIndex(line)
		text := line
		if code != nil {
			text = line[:code[0]]
		}
		p.write(&b, text)
		if code == nil {
			break
		}
		p.dip(line[code[2]:code[3]])
		line = line[code[1]:]
	}
	return b.String()
}

func (p *pen) write(b *strings.Builder, text string) {
	switch {
	case text == "":
	case len(p.classes) == 0:
		b.WriteString(html.EscapeString(text))
	default:
		fmt.Fprintf(b, `<tspan class="%s">%s</tspan>`, strings.Join(p.classes, " "), html.EscapeString(text))
	}
}

func (p *pen) dip(codes string) {
	for _, code := range strings.Split(codes, ";") {
		if class := map[string]string{"1": "b", "2": "f", "31": "r", "32": "g", "33": "y"}[code]; class != "" {
			p.classes = append(p.classes, class)
			continue
		}
		p.classes = nil
	}
}
