package main

import (
	"context"
	"syscall"
)

func (a *agent) moveFile(ex *exchange, head []byte) error {
	request, source, ctx, cancel, err := forPath[copyHead](ex, head, defaultFileTime)
	if err != nil {
		return err
	}
	defer cancel()
	destination, err := request.cleanDestination(ctx, source)
	if err != nil {
		return err
	}
	if err := refuseRoots(source); err != nil {
		return err
	}
	if err := refuseRoots(destination); err != nil {
		return err
	}
	err = asUser(ctx, func() error { return rename(source, destination, request.Overwrite) })
	if err == syscall.EXDEV {
		err = aTree(ctx, func() error { return moveAcross(ctx, source, destination, request.Overwrite) })
	}
	if err != nil {
		return err
	}
	ex.answerJSON(map[string]any{"source": validText(source), "destination": validText(destination)})
	return nil
}

// rename returns a bare EXDEV for file systems that differ, and overlays that will not rename a directory of the image.
func rename(source, destination string, overwrite bool) error {
	from, err := openPlace(source)
	if err != nil {
		return pathFailure(source, err)
	}
	defer from.close()
	to, err := openPlace(destination)
	if err != nil {
		return pathFailure(destination, withoutDirectory(destination, err))
	}
	defer to.close()
	var stat, target syscall.Stat_t
	if err := fstatat(from.directory, from.name, &stat, atSymlinkNofollow); err != nil {
		return pathFailure(source, err)
	}
	isDirectory := stat.Mode&syscall.S_IFMT == syscall.S_IFDIR
	switch err := fstatat(to.directory, to.name, &target, atSymlinkNofollow); {
	case err == syscall.ENOENT:
	case err != nil:
		return pathFailure(destination, err)
	case target.Mode&syscall.S_IFMT == syscall.S_IFDIR:
		return pathFailure(destination, syscall.EISDIR)
	case !overwrite || isDirectory:
		return pathFailure(destination, syscall.EEXIST)
	}
	if isDirectory {
		// Nothing is there to be replaced, and file systems that cannot refuse to cannot link directories either.
		err = renameat2(from.directory, from.name, to.directory, to.name, 0)
	} else {
		err = putInPlace(from.directory, from.name, to, overwrite)
	}
	switch err {
	case nil, syscall.EXDEV:
		return err
	case syscall.EINVAL:
		return fail("invalid_path", "a directory cannot be moved into itself")
	}
	return pathFailure(destination, err)
}

// mayRemove asks the directory that holds a path. Where a kernel or a filter does not know the call, the removal itself
// finds out.
func mayRemove(source string) error {
	at, err := openPlace(source)
	if err != nil {
		return err
	}
	defer at.close()
	err = faccessat2(at.directory, accessWrite|accessSearch, atEaccess|atEmptyPath)
	if err == syscall.ENOSYS || err == syscall.EPERM {
		return nil
	}
	return err
}

// moveAcross copies, and removes the source when the whole copy stands in its place.
func moveAcross(ctx context.Context, source, destination string, overwrite bool) error {
	// Before the copy: one that stands there beside a source that cannot go is not a move.
	if err := asUser(ctx, func() error { return mayRemove(source) }); err != nil {
		return pathFailure(source, err)
	}
	if _, err := copyTo(ctx, source, destination, overwrite, true, false); err != nil {
		return err
	}
	var at place
	err := asUser(ctx, func() (err error) {
		if at, err = openPlace(source); err == nil {
			err = removeName(at.directory, at.name)
		}
		return err
	})
	if at.name != "" {
		defer at.close()
	}
	if err == syscall.ENOTEMPTY {
		err = deleteTree(ctx, at)
	}
	return pathFailureOrNil(source, err)
}
