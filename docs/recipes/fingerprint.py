# Prints the fingerprint of the pair this process runs with.
import hmac
import os

name, _, digits = os.environ["QUARTERTURN_PRINT_KEY"].rpartition(":")
mac = hmac.new(bytes.fromhex(digits), digestmod="sha256")
for part in ("key", os.environ["BLUUM_API_KEY"], "secret", os.environ["BLUUM_API_SECRET"]):
    data = os.fsencode(part)
    mac.update(b"%d:%s," % (len(data), data))
print(f"{name}:{mac.hexdigest()}")
