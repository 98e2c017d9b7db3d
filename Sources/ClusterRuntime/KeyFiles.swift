// Why: keys are files. A secret one that others can read is no secret, so it is refused rather than used, as ssh does;
// and a pair is never replaced, for whoever was given the old public key would be locked out.
//
//     NAME.key           the public key: 40 characters of Z85 and a line feed
//     NAME.key_secret    the secret key, likewise; mode 0600

import ArrayFiles
import Failures
import Glibc
import ZeroMQ

/// Key files: making and reading them.
public enum KeyFiles {
    /// What a public key's file ends with.
    public static let publicSuffix = ".key"
    /// What a secret key's file ends with.
    public static let secretSuffix = ".key_secret"
    /// Longer files are no key files.
    static let maximumByteCount = 256
    private static let keygen = "make a pair of keys with mf keygen NAME"

    /// Makes a new pair of keys, and syncs it.
    /// - Parameter name: the files' path without its suffix.
    /// - Returns: the paths of the public and the secret key.
    /// - Throws: a ``Failure``: `cannotCreate` when either file is there already or cannot be made; `unavailable` when
    ///   the system's libzmq has no CURVE.
    public static func create(_ name: String) throws(Failure) -> (publicKey: String, secretKey: String) {
        guard let last = name.split(separator: "/", omittingEmptySubsequences: false).last, !last.isEmpty else {
            throw Failure(.usage, "a pair of keys needs a name", at: name, remedy: "give one, such as gpu1")
        }
        let secret = try SecretKey.random()
        let paths = (publicKey: name + publicSuffix, secretKey: name + secretSuffix)
        try create(paths.secretKey) { descriptor throws(Failure) in
            try secret.withCharacters { characters throws(Failure) in
                try write(characters, to: descriptor, at: paths.secretKey)
            }
        }
        do throws(Failure) {
            try create(paths.publicKey) { descriptor throws(Failure) in
                try secret.publicKey.withCharacters { characters throws(Failure) in
                    try write(characters, to: descriptor, at: paths.publicKey)
                }
            }
            try syncDirectory(name.lastIndex(of: "/").map { String(name[...$0]) } ?? ".")
        } catch {
            // Half a pair is of no use, and would be in the way.
            unlink(paths.secretKey)
            throw error
        }
        return paths
    }

    private static func create(_ path: String, _ fill: (Int32) throws(Failure) -> Void) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor != -1 else {
            guard errno == EEXIST else {
                throw Failure(systemError: errno, "create the key", at: path, kind: .cannotCreate)
            }
            throw Failure(
                .cannotCreate, "is there already, and keys are never replaced", at: path,
                remedy: "choose another name, or remove both files of the pair")
        }
        defer { close(descriptor) }
        do throws(Failure) {
            try fill(descriptor)
            try systemCall("sync the key", at: path) { fsync(descriptor) }
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Writes the characters of a key and a line feed.
    private static func write(_ characters: UnsafeRawBufferPointer, to descriptor: Int32, at path: String)
        throws(Failure)
    {
        var lineFeed = UInt8(ascii: "\n")
        // A few bytes into an empty file are written at once, or there is no room.
        let count = try systemCall("write the key", at: path) {
            Glibc.write(descriptor, characters.baseAddress, characters.count)
        }
        let rest = try systemCall("write the key", at: path) { Glibc.write(descriptor, &lineFeed, 1) }
        guard count == characters.count, rest == 1 else {
            throw Failure(
                .inputOutput, "cannot write the key: no space left", at: path, remedy: "free some space there")
        }
    }

    /// Reads a secret key.
    /// - Throws: a ``Failure``: `usage` when its name is that of a public key; `noInput` when there is no such file, or
    ///   when it is a link, another user's, or open to
    ///   others; `badData` when it is no key.
    public static func readSecret(_ path: String) throws(Failure) -> SecretKey {
        // They look alike, and every handshake would fail.
        if path.hasSuffix(publicSuffix) {
            throw Failure(
                .usage, "is a public key by its name, and the secret one is asked for", at: path,
                remedy: "give the file that ends with \(secretSuffix)")
        }
        return try read(path, flags: O_NOFOLLOW) { status throws(Failure) in
            guard status.st_uid == geteuid() else {
                throw Failure(
                    .noInput, "this secret key is another user's", at: path,
                    remedy: "use a pair of your own: \(keygen)")
            }
            guard status.st_mode & 0o077 == 0 else {
                throw Failure(.noInput, "others may read this secret key", at: path, remedy: "chmod 600 \(path)")
            }
        } parse: {
            SecretKey(z85: $0)
        }
    }

    /// Reads a public key.
    /// - Throws: a ``Failure``: `usage` when its name is that of a secret key; `noInput` when there is no such file, or
    ///   when others may change it; `badData` when it is no
    ///   key.
    public static func readPublic(_ path: String) throws(Failure) -> PublicKey {
        if path.hasSuffix(secretSuffix) {
            throw Failure(
                .usage, "is a secret key by its name, and the public one is asked for", at: path,
                remedy: "give the file that ends with \(publicSuffix), and leave the secret one where it was made")
        }
        return try read(path, flags: 0) { status throws(Failure) in
            guard status.st_mode & 0o022 == 0 else {
                throw Failure(.noInput, "others may change this key", at: path, remedy: "chmod go-w \(path)")
            }
        } parse: {
            PublicKey(z85: $0)
        }
    }

    private static func read<Key>(
        _ path: String, flags: Int32, check: (stat) throws(Failure) -> Void, parse: (UnsafeRawBufferPointer) -> Key?
    ) throws(Failure) -> Key {
        // Not to wait for the writer of a named pipe.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags)
        guard descriptor != -1 else {
            guard errno == ELOOP, flags & O_NOFOLLOW != 0 else {
                throw Failure(systemError: errno, "open the key", at: path)
            }
            throw Failure(
                .noInput, "a link is no secret key: it may lead to anybody's", at: path,
                remedy: "give the file's own path")
        }
        defer { close(descriptor) }
        var status = stat()
        try systemCall("look at the key", at: path) { fstat(descriptor, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.badData, "is no key file", at: path, remedy: keygen)
        }
        try check(status)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: maximumByteCount, alignment: 1)
        defer {
            explicit_bzero(buffer.baseAddress!, buffer.count)
            buffer.deallocate()
        }
        var count = 0
        while count < buffer.count {
            let more = try systemCall("read the key", at: path) {
                Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
            }
            if more == 0 { break }
            count += more
        }
        guard let key = parse(characters(in: UnsafeRawBufferPointer(rebasing: buffer[..<count]))) else {
            throw Failure(
                .badData, "is no key: a key is 40 characters of Z85 on a line of its own", at: path, remedy: keygen)
        }
        return key
    }

    /// The content of a key file without the white space at its end.
    package static func characters(in content: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let end = content.lastIndex { ![UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: " ")].contains($0) }
        return UnsafeRawBufferPointer(rebasing: content[..<(end.map { $0 + 1 } ?? 0)])
    }
}
