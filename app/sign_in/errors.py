"""Why somebody cannot sign in. None of them tells whether an account exists."""

from __future__ import annotations

from app.core.errors import Forbidden, InvalidRequest, RateLimited, Unauthorized


class SignInFailed(Unauthorized):
    """E-mail address, password or code are not right."""

    code = "SIGN_IN_FAILED"


class SecondFactorRequired(Unauthorized):
    """This account has a second factor. Send the same again with `code`."""

    code = "SECOND_FACTOR_REQUIRED"


class SessionEnded(Unauthorized):
    """This session has ended. Sign in again."""

    code = "SESSION_ENDED"


class WeakPassword(InvalidRequest):
    """The password is too weak."""

    code = "WEAK_PASSWORD"


class TooManyAttempts(RateLimited):
    """Too many failed attempts. Wait for the seconds in `Retry-After`."""

    code = "TOO_MANY_ATTEMPTS"


class SsoRequired(Forbidden):
    """This organization wants single sign-on. Sign in by `/v1/auth/sso/login?email=` and your address."""

    code = "SSO_REQUIRED"
