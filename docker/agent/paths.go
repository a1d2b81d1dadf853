package main

import (
	"path"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	workspace    = "/workspace"
	maxPathBytes = 4096
	// defaultFileTime bounds a request that brings no limit of its own. Those that send or take a file's content have
	// noLimit: a large file and a slow reader may take any time, and hold up nobody.
	defaultFileTime = 5 * time.Minute
	noLimit         = time.Duration(0)
)

// cleanPath makes a request's path absolute, and resolves "." and ".." in it by its letters, as clients do that join
// paths. What it names is decided by the kernel afterwards.
func cleanPath(asked string) (string, error) {
	if asked == "" {
		return "", fail("invalid_path", "the path is empty")
	}
	if len(asked) > maxPathBytes {
		return "", fail("invalid_path", "the path has %d bytes, of at most %d", len(asked), maxPathBytes)
	}
	if strings.IndexByte(asked, 0) >= 0 {
		return "", fail("invalid_path", "the path holds a zero byte")
	}
	below, inside := strings.CutPrefix(asked, workspace)
	if asked[0] != '/' {
		below, inside = asked, true
	} else if below != "" && below[0] != '/' {
		inside = false
	}
	if !inside {
		return path.Clean(asked), nil
	}
	if climbs(below) {
		return "", fail("invalid_path", "the path %s climbs out of %s", shorten(asked, messagePathBytes), workspace)
	}
	return path.Join(workspace, below), nil
}

// namesDirectory says that a path can only mean a directory, which cleanPath drops. "." and ".." are ones by themselves.
func namesDirectory(asked string) bool { return strings.HasSuffix(asked, "/") }

// requireDirectory is for a path that namesDirectory. It runs on a thread of the sandbox user.
func requireDirectory(whole string) error {
	fd, err := openAt(atFdcwd, whole, oPath|syscall.O_DIRECTORY, 0, 0)
	if err != nil {
		return pathFailure(whole, specialAncestor(whole, err))
	}
	syscall.Close(fd)
	return nil
}

// refuseSlash is for the name of a file that is to be written: with a slash behind it, it is none.
func refuseSlash(asked, whole string) error {
	if !namesDirectory(asked) {
		return nil
	}
	if err := requireDirectory(whole); err != nil && asFailure(err).Code != "not_found" {
		return err
	} else if err != nil {
		return fileFailure("not_a_directory", whole)
	}
	return fileFailure("is_a_directory", whole)
}

// climbs says whether a relative path is at some point above where it begins, even if it comes back.
func climbs(relative string) bool {
	depth := 0
	for _, part := range strings.Split(relative, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// validText is text with what is not UTF-8 replaced, for JSON.
func validText(text string) string { return strings.ToValidUTF8(text, string(utf8.RuneError)) }
