package main

import (
	"encoding/base64"
	"path"
	"syscall"
	"unicode/utf8"
)

// entry is what a listing and stat_file tell of a name.
type entry struct {
	Name       string `json:"name"`
	Path       string `json:"path"`
	Type       string `json:"type"`
	Size       int64  `json:"size"`
	Mode       string `json:"mode"`
	ModifiedAt string `json:"modifiedAt"`
	Target     string `json:"target,omitempty"`
	NameBase64 string `json:"nameBase64,omitempty"`
}

// describe makes the entry of a name in an open directory, without its path. It runs on a thread of the sandbox user.
func describe(directory int, name string) (entry, error) {
	var stat syscall.Stat_t
	if err := fstatat(directory, name, &stat, atSymlinkNofollow); err != nil {
		return entry{}, err
	}
	e := entry{Name: name, Size: stat.Size, Mode: modeText(stat.Mode), ModifiedAt: modifiedAt(&stat)}
	if !utf8.ValidString(e.Name) {
		e.NameBase64 = base64.StdEncoding.EncodeToString([]byte(e.Name))
		e.Name = validText(e.Name)
	}
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		e.Type = "file"
	case syscall.S_IFDIR:
		e.Type = "directory"
	case syscall.S_IFLNK:
		e.Type = "symlink"
		target, err := readlinkat(directory, name)
		if err != nil {
			return entry{}, err
		}
		e.Target = validText(target)
	default:
		e.Type = "other"
	}
	return e, nil
}

func (a *agent) statFile(ex *exchange, head []byte) error {
	_, whole, ctx, cancel, err := forPath[fileHead](ex, head, defaultFileTime)
	if err != nil {
		return err
	}
	defer cancel()
	var found entry
	err = asUser(ctx, func() error {
		at, err := openPlace(whole)
		if err != nil {
			return err
		}
		defer at.close()
		if found, err = describe(at.directory, at.name); err != nil {
			return err
		}
		found.Path = validText(whole)
		if whole == "/" {
			found.Name = whole
		}
		return nil
	})
	if err != nil {
		return pathFailure(whole, err)
	}
	ex.answerJSON(found)
	return nil
}

type createDirectoryHead struct {
	Path      string   `json:"path"`
	Recursive bool     `json:"recursive"`
	TimeoutMs *float64 `json:"timeoutMs"`
}

func (h createDirectoryHead) target() (string, *float64) { return h.Path, h.TimeoutMs }

func (a *agent) createDirectory(ex *exchange, head []byte) error {
	request, whole, ctx, cancel, err := forPath[createDirectoryHead](ex, head, defaultFileTime)
	if err != nil {
		return err
	}
	defer cancel()
	created := false
	err = asUser(ctx, func() error {
		if request.Recursive {
			created, err = makeDirectories(whole)
			return err
		}
		created = true
		return makeDirectory(whole)
	})
	if err != nil {
		return pathFailure(whole, err)
	}
	ex.answerJSON(map[string]any{"path": validText(whole), "created": created})
	return nil
}

func makeDirectory(whole string) error {
	at, err := openPlace(whole)
	if err != nil {
		return err
	}
	defer at.close()
	if at.name == "." {
		return syscall.EEXIST
	}
	return syscall.Mkdirat(at.directory, at.name, defaultDirectoryMode)
}

// makeDirectories makes a directory and those above it that are missing. created is false when it was there.
func makeDirectories(whole string) (created bool, err error) {
	missing := []string{}
	at := whole
	for {
		fd, err := openAt(atFdcwd, at, oPath|syscall.O_DIRECTORY, 0, 0)
		if err == nil {
			syscall.Close(fd)
			break
		}
		if err != syscall.ENOENT || at == "/" {
			return false, specialAncestor(at, err)
		}
		missing = append(missing, at)
		at = path.Dir(at)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		// Somebody else may make the same one.
		if err := makeDirectory(missing[i]); err != nil && err != syscall.EEXIST {
			return created, err
		}
		created = true
	}
	return created, nil
}
