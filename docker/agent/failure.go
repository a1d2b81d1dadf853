package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"syscall"
)

// failure is the error member of a response.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Errno   string `json:"errno,omitempty"`
	Path    string `json:"path,omitempty"`
	Kind    string `json:"kind,omitempty"`
}

func (f *failure) Error() string { return f.Message }

func fail(code, format string, arguments ...any) *failure {
	return &failure{Code: code, Message: fmt.Sprintf(format, arguments...)}
}

// The causes that end an exchange's context.
var (
	errCancelled    = fail("cancelled", "the request was cancelled")
	errDisconnected = fail("cancelled", "the connection to the server ended")
	errSilent       = fail("cancelled", "the server was not heard of any more")
	errTimedOut     = fail("timed_out", "the request ran out of its time")
	errOverrun      = fail("bad_request", "more data was sent than there was credit for")
)

// asFailure is what the server is told about err.
func asFailure(err error) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &failure{Code: "io_error", Message: errno.Error(), Errno: errnoName(errno)}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimedOut
	}
	return fail("internal", "%s", err)
}

// contextFailure is why ctx ended.
func contextFailure(ctx context.Context) error {
	return asFailure(context.Cause(ctx))
}

var fileCodes = map[syscall.Errno]string{
	syscall.ENOENT:       "not_found",
	syscall.EACCES:       "permission_denied",
	syscall.EPERM:        "permission_denied",
	syscall.EEXIST:       "already_exists",
	syscall.EISDIR:       "is_a_directory",
	syscall.ENOTDIR:      "not_a_directory",
	syscall.ENOTEMPTY:    "not_empty",
	syscall.ENXIO:        "special_file",
	syscall.ENODEV:       "special_file",
	syscall.ENOSPC:       "no_space",
	syscall.EDQUOT:       "no_space",
	syscall.EROFS:        "read_only_file_system",
	syscall.ENAMETOOLONG: "name_too_long",
	syscall.ELOOP:        "too_many_links",
	syscall.EMLINK:       "too_many_links",
	syscall.EFBIG:        "too_large",
	syscall.ETXTBSY:      "file_busy",
	syscall.EBUSY:        "file_busy",
	syscall.EINVAL:       "io_error",
}

var fileSentences = map[string]string{
	"not_found":             "there is no %s",
	"permission_denied":     "the sandbox user may not do that to %s",
	"already_exists":        "%s exists already",
	"is_a_directory":        "%s is a directory",
	"not_a_directory":       "%s is not a directory, or a part of its path is not",
	"not_empty":             "the directory %s is not empty",
	"special_file":          "%s is neither a plain file nor a directory",
	"no_space":              "there is no space left for %s",
	"read_only_file_system": "%s is on a read-only file system",
	"name_too_long":         "the name %s is too long",
	"too_many_links":        "%s leads through too many symbolic links, or through a link of the kernel's",
	"too_large":             "%s would be too large",
	"file_busy":             "%s is in use",
	"io_error":              "%s could not be read or written",
}

// pathFailure tells what a file operation on path ran into.
func pathFailure(path string, err error) error {
	var known *failure
	if errors.As(err, &known) {
		if known == errSpecialFile {
			return fileFailure(known.Code, path)
		}
		return known
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	code, ok := fileCodes[errno]
	if !ok {
		code = "io_error"
	}
	f := fileFailure(code, path)
	f.Errno = errnoName(errno)
	if code == "io_error" {
		f.Message += ": " + errno.Error()
	}
	return f
}

// withoutDirectory is what openPlace has run into for a name that need not be there itself: it is the directory that must.
func withoutDirectory(whole string, err error) error {
	if err != syscall.ENOENT {
		return err
	}
	directory := path.Dir(whole)
	shown := shorten(validText(directory), messagePathBytes)
	return &failure{Code: "not_found", Message: "there is no directory " + shown, Errno: "ENOENT", Path: validText(directory)}
}

func fileFailure(code, path string) *failure {
	shown := shorten(validText(path), messagePathBytes)
	return &failure{Code: code, Message: fmt.Sprintf(fileSentences[code], shown), Path: validText(path)}
}

// messagePathBytes keeps messages readable; the path member has the whole.
const messagePathBytes = 200

func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > 0 && text[cut]&0xc0 == 0x80 {
		cut--
	}
	return text[:cut] + "…"
}

func mustEncode(value any) []byte {
	encoded, err := json.Marshal(value)
	if err != nil {
		encoded, _ = json.Marshal(map[string]any{"error": fail("internal", "the answer cannot be encoded: %s", err)})
	}
	return encoded
}

func errorHead(err error) []byte {
	return mustEncode(map[string]any{"error": asFailure(err)})
}
