// Why: bulk payloads are sent and received without copying. libzmq counts the references of a message's memory;
// here a message is either memory of libzmq's, kept by this object, or memory of ours, kept by an owner until the
// last peer has been sent it.

import CZeroMQ

/// One received frame.
public final class Message: @unchecked Sendable {
    // Unchecked: written only by `Socket.receive` before anyone else has it; the `zmq_msg_t` stays where it is in
    // heap memory, as libzmq demands.
    let storage: UnsafeMutablePointer<zmq_msg_t>

    init() {
        storage = .allocate(capacity: 1)
        zmq_msg_init(storage)
    }

    deinit {
        zmq_msg_close(storage)
        storage.deallocate()
    }

    /// The frame's content, valid as long as this object.
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: zmq_msg_data(storage), count: zmq_msg_size(storage))
    }

    /// Whether another frame of the same message follows.
    var hasMore: Bool { zmq_msg_more(storage) != 0 }
}

/// A frame to be sent.
public enum Frame {
    /// Copied by libzmq: for headers.
    case copied([UInt8])
    /// Sent from where it is; `owner` is released, on any thread, once libzmq is done with the bytes.
    case shared(UnsafeRawBufferPointer, owner: any AnyObject & Sendable)

    /// Makes libzmq's form of the frame in `storage`.
    func initialize(_ storage: UnsafeMutablePointer<zmq_msg_t>) -> Bool {
        switch self {
        case .copied(let bytes):
            guard zmq_msg_init_size(storage, bytes.count) == 0 else { return false }
            bytes.withUnsafeBytes { source in
                if let start = source.baseAddress {
                    zmq_msg_data(storage)!.copyMemory(from: start, byteCount: source.count)
                }
            }
            return true
        case .shared(let bytes, let owner):
            let hint = Unmanaged.passRetained(owner as AnyObject).toOpaque()
            let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            let release: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = { _, hint in
                Unmanaged<AnyObject>.fromOpaque(hint!).release()
            }
            guard zmq_msg_init_data(storage, start, bytes.count, release, hint) == 0 else {
                Unmanaged<AnyObject>.fromOpaque(hint).release()
                return false
            }
            return true
        }
    }
}
