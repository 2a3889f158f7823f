package mutate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// project is a module, which of its files get mutants, and which packages' tests are to kill them.
type project struct {
	root, module string
	targets      []target
	killers      []killer
	flags        []string // of the compiler
}

// target is one of the things asked about.
type target struct {
	name, folder string
	files        *regexp.Regexp
}

// killer is a package whose tests run, and which of them don't: those that take minutes, or that no fault here reaches.
type killer struct {
	folder string
	skip   string   // a pattern
	parts  []string // long tests, of which each subtest counts as a test
}

// pack is one package, parsed and type-checked.
type pack struct {
	root   string
	fset   *token.FileSet
	info   *types.Info
	files  []*ast.File
	source map[string]string
	shared map[types.Object]int
}

type listedPackage struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// load type-checks the package in a folder; what it imports is taken from the compiler's export data.
func (pr project) load(folder string) (*pack, error) {
	all, err := pr.list(folder)
	if err != nil {
		return nil, err
	}
	p := &pack{root: pr.root, fset: token.NewFileSet(), source: map[string]string{}, shared: map[types.Object]int{}}
	exports := map[string]string{}
	for _, l := range all {
		exports[l.ImportPath] = l.Export
	}
	own := all[len(all)-1] // go list -deps puts what is asked for last
	for _, name := range own.GoFiles {
		if err := p.parse(filepath.Join(own.Dir, name)); err != nil {
			return nil, err
		}
	}
	return p, p.check(own.ImportPath, exports)
}

func (p *pack) parse(full string) error {
	text, err := os.ReadFile(full)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(p.fset, full, text, parser.ParseComments)
	p.source[full], p.files = string(text), append(p.files, f)
	return err
}

func (p *pack) check(path string, exports map[string]string) error {
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	conf := types.Config{Importer: importer.ForCompiler(p.fset, "gc", lookup)}
	_, err := conf.Check(path, p.fset, p.files, p.info)
	return err
}

func (pr project) list(folder string) ([]listedPackage, error) {
	out, err := pr.goes("list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./"+folder)
	if err != nil {
		return nil, err
	}
	var all []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listedPackage
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
}

// goes runs the go command in the module.
func (pr project) goes(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = pr.root
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, errs.String())
	}
	return out, nil
}

// plant makes every mutant, and the text of each file that has some.
func (pr project) plant() ([]mutant, map[string]string, error) {
	var all []mutant
	texts, packs := map[string]string{}, map[string]*pack{}
	for _, t := range pr.targets {
		p := packs[t.folder]
		if p == nil {
			var err error
			if p, err = pr.load(t.folder); err != nil {
				return nil, nil, err
			}
			packs[t.folder] = p
		}
		for _, f := range p.files {
			full := p.fset.Position(f.Package).Filename
			if !t.files.MatchString(filepath.Base(full)) {
				continue
			}
			before := len(all)
			points := newPoints(p, f, &all)
			if points.walk(); len(all) > before {
				texts[full] = points.instrumented(pr.module)
			}
		}
	}
	return all, texts, nil
}

// of says which of the things asked about a mutant belongs to.
func (pr project) of(m mutant) string {
	for _, t := range pr.targets {
		if filepath.Dir(m.file) == t.folder && t.files.MatchString(filepath.Base(m.file)) {
			return t.name
		}
	}
	return ""
}
