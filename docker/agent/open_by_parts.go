package main

import (
	"strings"
	"syscall"
)

// openByParts does what openat2 would: it walks a path name by name, and follows links by their text, so that none of the
// kernel's own, which lead where no text says, is followed.
func openByParts(dirfd int, name string, flags int, mode uint32, resolve uint64) (int, error) {
	at, err := plainOpen(dirfd, firstDirectory(name), oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer func() { syscall.Close(at) }()
	parts := namesOf(name)
	for links := 0; len(parts) > 0; {
		part, last := parts[0], len(parts) == 1
		parts = parts[1:]
		fd, err := plainOpen(at, part, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		if err == nil {
			var target string
			if target, err = linkText(fd); err == nil && target == "" && !last {
				syscall.Close(at)
				at = fd
				continue
			}
			syscall.Close(fd)
			if target != "" && !(last && flags&syscall.O_NOFOLLOW != 0) {
				if links++; links > maxLinks || resolve&resolveNoSymlinks != 0 {
					return -1, syscall.ELOOP
				}
				if target[0] == '/' {
					root, err := plainOpen(atFdcwd, "/", oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
					if err != nil {
						return -1, err
					}
					syscall.Close(at)
					at = root
				}
				parts = append(namesOf(target), parts...)
				continue
			}
		}
		if err != nil && !(last && err == syscall.ENOENT && flags&syscall.O_CREAT != 0) {
			return -1, err
		}
		// Not a link a moment ago; should it be one now, it is refused.
		return plainOpen(at, part, flags|syscall.O_NOFOLLOW, mode)
	}
	return plainOpen(at, ".", flags, mode)
}

func plainOpen(dirfd int, name string, flags int, mode uint32) (int, error) {
	return ignoringEINTR(func() (int, error) { return syscall.Openat(dirfd, name, flags, mode) })
}

func firstDirectory(name string) string {
	if strings.HasPrefix(name, "/") {
		return "/"
	}
	return "."
}

func namesOf(path string) []string {
	return strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
}

// linkText is where an opened link leads, and empty for all that is none. A link on a file system of the kernel's is
// refused.
func linkText(fd int) (string, error) {
	var stat syscall.Stat_t
	if err := syscall.Fstat(fd, &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFLNK {
		return "", err
	}
	if err := plainFileSystem(fd); err != nil {
		return "", err
	}
	return readlinkat(fd, "")
}
