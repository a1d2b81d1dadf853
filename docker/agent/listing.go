package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"strings"
	"syscall"
)

// direntReadBytes is how much of a directory is read at once.
const direntReadBytes = 65_536

// listing walks a tree in the order of its paths' names, depth first, and keeps only what it may still tell: of each
// directory on its way at most as many names as entries are left, the smallest ones above where it is.
type listing struct {
	ctx       context.Context
	whole     string
	root      int
	recursive bool
	hidden    bool
	pattern   *glob
	depth     int
	left      int

	levels []*level
	held   int // entries in all levels
	out    bytes.Buffer
	last   string // the path below root of the entry told last
	more   bool
}

// level is one directory on the way.
type level struct {
	below   string // its path below root, empty or ending in a slash
	entries []found
	partial bool   // the directory has more names after those
	after   string // the greatest name that is done
	begun   bool   // after means something
}

type found struct {
	name  string
	entry entry
	told  bool // it was told on an earlier page: only what is in it is left
}

func (l *listing) open() error {
	return asUser(l.ctx, func() (err error) {
		if l.root, err = openAt(atFdcwd, l.whole, syscall.O_RDONLY|syscall.O_DIRECTORY, 0, 0); err != nil {
			return specialAncestor(l.whole, err)
		}
		return plainFileSystem(l.root)
	})
}

func (l *listing) close() {
	if l.root >= 0 {
		syscall.Close(l.root)
	}
}

func (l *listing) list(cursor string) error {
	if err := l.enter("", cursor); err != nil {
		return err
	}
	for len(l.levels) > 0 {
		top := l.levels[len(l.levels)-1]
		if len(top.entries) == 0 {
			if !top.partial {
				l.levels = l.levels[:len(l.levels)-1]
				continue
			}
			if err := l.scan(top, ""); err != nil {
				return err
			}
			continue
		}
		next := top.entries[0]
		top.entries = top.entries[1:]
		top.after, top.begun = next.name, true
		l.held--
		below := top.below + next.name
		rest := ""
		if next.told {
			rest = strings.TrimPrefix(cursor, below+"/")
			if rest == cursor {
				rest = ""
			}
		} else if l.pattern.matches(below) {
			if l.left == 0 || l.out.Len() > listPageBytes {
				l.more = true
				return nil
			}
			l.tell(below, next.entry)
		}
		if l.entersInto(below, next.entry) {
			if err := l.enter(below+"/", rest); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell writes an entry's line. Its path is only made here: those of all that are held could fill the memory.
func (l *listing) tell(below string, e entry) {
	e.Path = validText(path.Join(l.whole, below))
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	l.out.Write(line)
	l.out.WriteByte('\n')
	l.left--
	l.last = below
}

// entersInto says whether a directory is walked into. One whose path is longer than a path may be is not: nobody could
// name what is in it.
func (l *listing) entersInto(below string, e entry) bool {
	return l.recursive && e.Type == "directory" && strings.Count(below, "/")+1 < l.depth &&
		len(l.whole)+1+len(below) < syscall.PathMax-1
}

func (l *listing) enter(below, cursor string) error {
	top := &level{below: below}
	l.levels = append(l.levels, top)
	return l.scan(top, cursor)
}

// scan reads a directory for its smallest names after those that are done. With cursor it begins at the cursor's first
// part, which was told before but may hold more.
func (l *listing) scan(top *level, cursor string) error {
	from, _, deeper := strings.Cut(cursor, "/")
	smallest := &smallestNames{limit: max(1, l.left+1)}
	scan := func() error {
		name := path.Join(".", top.below)
		fd, err := openAt(l.root, name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0, resolveNoSymlinks|resolveBeneath)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		buffer := make([]byte, direntReadBytes)
		for {
			if l.ctx.Err() != nil {
				return contextFailure(l.ctx)
			}
			n, err := ignoringEINTR(func() (int, error) { return syscall.ReadDirent(fd, buffer) })
			if err != nil {
				return err
			}
			if n <= 0 {
				break
			}
			eachDirent(buffer[:n], func(e dirent) bool {
				if l.wants(top, e, from, cursor != "") {
					smallest.add(string(e.name))
				}
				return true
			})
		}
		top.partial = smallest.more
		for _, name := range smallest.sorted() {
			e, err := describe(fd, name)
			if err == syscall.ENOENT {
				continue // removed since
			}
			if err != nil {
				return err
			}
			told := cursor != "" && name == from
			if told && !deeper && e.Type != "directory" {
				continue
			}
			top.entries = append(top.entries, found{name: name, entry: e, told: told})
		}
		return nil
	}
	err := asUser(l.ctx, scan)
	if err != nil && top.below != "" && skippable(err) {
		// Somebody else's directory, or one that went meanwhile, ends no listing.
		top.entries, top.partial = nil, false
		err = nil
	}
	if top.partial && len(top.entries) == 0 {
		// All of them went meanwhile: go on after them.
		top.after, top.begun = smallest.greatest, true
	}
	l.held += len(top.entries)
	l.forgetSurplus()
	return err
}

func skippable(err error) bool {
	switch err {
	case syscall.EACCES, syscall.EPERM, syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.EXDEV:
		return true
	}
	return err == errSpecialFile
}

// wants says whether a name can be told or leads to something that can.
func (l *listing) wants(top *level, e dirent, from string, resuming bool) bool {
	name := string(e.name)
	if !l.hidden && name[0] == '.' {
		return false
	}
	if resuming && name < from || top.begun && name <= top.after {
		return false
	}
	if l.recursive && (e.kind == kindDirectory || e.kind == kindUnknown) {
		return true
	}
	return l.pattern.matches(top.below+name) || resuming && name == from
}

// forgetSurplus keeps the names of all levels together within what is left to tell. Those of the outermost directories
// come last, so their last ones go first; they are read again when it comes to them.
func (l *listing) forgetSurplus() {
	for _, outer := range l.levels {
		surplus := l.held - (l.left + 1)
		if surplus <= 0 {
			return
		}
		if drop := min(surplus, len(outer.entries)); drop > 0 {
			keep := len(outer.entries) - drop
			if outer == l.levels[len(l.levels)-1] {
				return
			}
			outer.entries = outer.entries[:keep:keep]
			outer.partial = true
			l.held -= drop
		}
	}
}
