#[automatically_derived]
impl ::pikku::service::CallerSigner for AppCallers {
    fn sign(
        &self,
        caller: &::pikku::Claims,
        message: &::pikku::platform::OutgoingMessage<'_>,
        now_ms: u64,
    ) -> ::core::result::Result<::std::string::String, ::pikku::BoxError> {
        self.0.sign(caller, message, now_ms)
    }
    fn sign_call(
        &self,
        caller: &::pikku::Claims,
        call: &::pikku::platform::OutgoingCall<'_>,
        now_ms: u64,
    ) -> ::core::result::Result<::std::string::String, ::pikku::BoxError> {
        self.0.sign_call(caller, call, now_ms)
    }
}
#[automatically_derived]
impl ::pikku::service::CallerSigner for NamedCallers {
    fn sign(
        &self,
        caller: &::pikku::Claims,
        message: &::pikku::platform::OutgoingMessage<'_>,
        now_ms: u64,
    ) -> ::core::result::Result<::std::string::String, ::pikku::BoxError> {
        self.callers.sign(caller, message, now_ms)
    }
    fn sign_call(
        &self,
        caller: &::pikku::Claims,
        call: &::pikku::platform::OutgoingCall<'_>,
        now_ms: u64,
    ) -> ::core::result::Result<::std::string::String, ::pikku::BoxError> {
        self.callers.sign_call(caller, call, now_ms)
    }
}
