#!lua name=sre_v1

-- The semantic operations of the bus. Each call touches the keys of one partition, all with the same hash tag.
-- All checks come before the first write, so a call is applied as a whole or not at all.

local REVISION = 1

local function holds(key, owner, token)
    local record = redis.call('HMGET', key, 'owner', 'token')
    return owner ~= '' and record[1] == owner and record[2] == token
end

local function version()
    return REVISION
end

-- KEYS stream marks; ARGV producer epoch previous sequence limit entries [fields name value ...]...
local function append(keys, args)
    local stream, marks = keys[1], keys[2]
    local producer, epoch, previous, sequence = args[1], args[2], args[3], args[4]
    local limit, count = tonumber(args[5]), tonumber(args[6])
    local mark = redis.call('HGET', marks, producer)
    local known
    if mark then
        local colon = string.find(mark, ':', 1, true)
        local stored = string.sub(mark, 1, colon - 1)
        known = string.sub(mark, colon + 1)
        if tonumber(epoch) < tonumber(stored) then return {'FENCED'} end
        if tonumber(sequence) <= tonumber(known) then return {'DUPLICATE'} end
    end
    if (known or '') ~= previous then return {'GAP', known or ''} end
    if count > 0 and redis.call('XLEN', stream) + count > limit then return {'FULL'} end
    local reply = {'OK'}
    local position = 7
    for _ = 1, count do
        local width = tonumber(args[position]) * 2
        reply[#reply + 1] = redis.call('XADD', stream, '*', unpack(args, position + 1, position + width))
        position = position + 1 + width
    end
    redis.call('HSET', marks, producer, epoch .. ':' .. sequence)
    return reply
end

-- KEYS lease state stream; ARGV owner token limit
local function read(keys, args)
    if not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    local position = redis.call('HGET', keys[2], 'position:' .. keys[3]) or '0-0'
    return {'OK', position, redis.call('XRANGE', keys[3], '(' .. position, '+', 'COUNT', args[3])}
end

-- Operators see readers and their lag with XINFO GROUPS; the position that counts is the one in the state.
local function show_position(stream, group, position)
    local moved = redis.pcall('XGROUP', 'SETID', stream, group, position)
    if type(moved) == 'table' and moved.err then
        redis.pcall('XGROUP', 'CREATE', stream, group, position, 'MKSTREAM')
    end
end

-- ARGV owner token
--      checks [key field present value]...
--      advances [state stream group from to]...
--      changes [operation key count argument...]...
-- An owner of '' stands for no lease; otherwise KEYS[1] is the lease. Keys are given by their position in KEYS.
local function apply(keys, args)
    if args[1] ~= '' and not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    local position = 3
    local function take()
        position = position + 1
        return args[position - 1]
    end
    for _ = 1, tonumber(take()) do
        local key, field, present, value = keys[tonumber(take())], take(), take(), take()
        local stored = redis.call('HGET', key, field)
        if (present == '1' and stored ~= value) or (present == '0' and stored) then
            return {'CONFLICT', key, field}
        end
    end
    local advances = {}
    for index = 1, tonumber(take()) do
        local state, stream, group, from, to = keys[tonumber(take())], keys[tonumber(take())], take(), take(), take()
        local field = 'position:' .. stream
        if (redis.call('HGET', state, field) or '0-0') ~= from then return {'CONFLICT', state, field} end
        advances[index] = {state, field, stream, group, to}
    end
    for _, advance in ipairs(advances) do
        redis.call('HSET', advance[1], advance[2], advance[5])
        show_position(advance[3], advance[4], advance[5])
    end
    local reply = {'OK'}
    for _ = 1, tonumber(take()) do
        local operation, key, count = take(), keys[tonumber(take())], tonumber(take())
        local first, last = position, position + count - 1
        position = last + 1
        if operation == 'X' then
            reply[#reply + 1] = redis.call('XADD', key, '*', unpack(args, first, last))
        elseif operation == 'H' then
            redis.call('HSET', key, unpack(args, first, last))
        elseif operation == 'D' then
            redis.call('HDEL', key, unpack(args, first, last))
        elseif operation == 'I' then
            redis.call('HINCRBY', key, args[first], args[last])
        elseif operation == 'Z' then
            redis.call('ZADD', key, args[first], args[last])
        elseif operation == 'R' then
            redis.call('ZREM', key, args[first])
        elseif operation == 'E' then
            redis.call('DEL', key)
        elseif operation == 'T' then
            redis.call('XTRIM', key, 'MINID', args[first])
        end
    end
    return reply
end

-- KEYS plan queue decisions audit head
-- ARGV hash approver approves statement now previous sequence auditHash
--      decision fields [name value]... audit fields [name value]...
local function approve(keys, args)
    local plan, queue, decisions, audit, head = keys[1], keys[2], keys[3], keys[4], keys[5]
    local hash, approver, approves, statement, now = args[1], args[2], args[3] == '1', args[4], args[5]
    local previous, sequence, audit_hash = args[6], args[7], args[8]
    local state = redis.call('HGET', plan, 'state')
    if not state then return {'NOTFOUND'} end
    local field = 'statement:' .. approver
    local known = redis.call('HGET', plan, field)
    if known then return {known == statement and 'REPEATED' or 'CONTRADICTS', state} end
    local open = {AWAITING = true}
    if not approves then open = {AWAITING = true, APPROVED = true, AUTO_READY = true, MANUAL = true} end
    if not open[state] then return {'DECIDED', state} end
    local expires = tonumber(redis.call('HGET', plan, 'expires') or '')
    if not expires or tonumber(now) >= expires then return {'EXPIRED'} end
    local stored = redis.call('HGET', head, 'hash')
    if (sequence == '1' and stored) or (sequence ~= '1' and stored ~= previous) then return {'AUDITMOVED'} end
    local count = tonumber(redis.call('HGET', plan, 'approvals') or '0') + (approves and 1 or 0)
    local quorum = math.max(1, tonumber(redis.call('HGET', plan, 'quorum') or '1'))
    local following = 'REJECTED'
    if approves then following = count >= quorum and 'APPROVED' or 'AWAITING' end
    redis.call('HSET', plan, field, statement, 'approvals', count, 'state', following)
    redis.call('HINCRBY', plan, 'version', 1)
    local width = tonumber(args[9]) * 2
    if following ~= 'AWAITING' then
        redis.call('ZREM', queue, hash)
        redis.call('XADD', decisions, '*', unpack(args, 10, 9 + width))
    end
    local start = 10 + width
    redis.call('XADD', audit, '*', unpack(args, start + 1, start + tonumber(args[start]) * 2))
    redis.call('HSET', head, 'seq', sequence, 'hash', audit_hash)
    return {'RECORDED', following}
end

-- KEYS lease; ARGV owner present expectedOwner expectedToken expectedBeat
local function lease_take(keys, args)
    local record = redis.call('HMGET', keys[1], 'owner', 'token', 'beat')
    local unchanged = (args[2] == '0' and not record[1])
        or (args[2] == '1' and record[1] == args[3] and record[2] == args[4] and record[3] == args[5])
    if not unchanged then return {'REFUSED', record[1] or '', record[2] or '0', record[3] or '0'} end
    local token, beat = tonumber(record[2] or '0') + 1, tonumber(record[3] or '0') + 1
    redis.call('HSET', keys[1], 'owner', args[1], 'token', token, 'beat', beat)
    return {'OK', args[1], tostring(token), tostring(beat)}
end

-- KEYS lease; ARGV owner token
local function lease_beat(keys, args)
    if not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    redis.call('HINCRBY', keys[1], 'beat', 1)
    return {'OK'}
end

-- KEYS lease; ARGV owner token
local function lease_release(keys, args)
    if not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    redis.call('HSET', keys[1], 'owner', '')
    return {'OK'}
end

-- What finishes work may run when memory is full; what admits work may not.
local function register(name, callback, flags)
    redis.register_function {function_name = 'sre_v1_' .. name, callback = callback, flags = flags}
end

register('version', version, {'no-writes'})
register('append', append, {})
register('read', read, {'no-writes'})
register('commit', apply, {'allow-oom'})
register('transition', apply, {'allow-oom'})
register('audit_append', apply, {'allow-oom'})
register('approve', approve, {'allow-oom'})
register('lease_take', lease_take, {'allow-oom'})
register('lease_beat', lease_beat, {'allow-oom'})
register('lease_release', lease_release, {'allow-oom'})
